"""The commands do what they say, and users' mistakes end in words and status 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import symprop
from symprop.command_line import main

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
IRIS = str(EXAMPLES / "data" / "iris.csv")
HEART = str(EXAMPLES / "data" / "heart.csv")


def run(*arguments: str, text: bytes | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=text)


def done(*arguments: str, text: bytes | None = None) -> str:
    result = run(*arguments, text=text)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.net")), ids=lambda path: path.stem)
def test_every_example_is_derived(example: Path) -> None:
    text = done("derive", str(example))
    for name in symprop.read(example).parameters:
        assert name in text


def test_a_derivation_is_written_in_every_format(tmp_path: Path) -> None:
    network = str(EXAMPLES / "heart.net")
    plain = json.loads(done("derive", network, "--format", "json"))
    assert set(plain) >= {"gradients", "adjoints", "steps"}
    assert plain["gradients"]["alpha"]["indices"] == ["j", "i"]
    assert "\\" in done("derive", network, "--format", "latex")
    assert done("derive", network, "--format", "html").lstrip().startswith("<")
    assert done("derive", network, "--format", "markdown")
    assert done("derive", network, "-o", str(tmp_path / "out.txt")) == ""
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == done("derive", network)


def test_a_network_may_come_from_standard_input() -> None:
    plain = json.loads(done("derive", "-", "--format", "json", text=b"J = w*x**2"))
    assert set(plain["gradients"]) == {"w", "x"}


def test_numbers_stay_exact() -> None:
    arguments = ("evaluate", "-", "--at", "w=1/2, x=3", "--show", "D(J, x), w + x")
    assert json.loads(done(*arguments, "--format", "json", text=b"J = w*x**2")) == {
        "values": {"w": "1/2", "x": "3", "J": "9/2"},
        "adjoints": {"w": "9", "x": "3", "J": "1"},
        "shown": {"D(J, x)": "3", "w + x": "7/2"},
    }
    lines = done(*arguments, text=b"J = w*x**2").splitlines()
    assert [line.split() for line in lines if line.startswith("J ")] == [["J", "=", "9/2"]]


def test_a_module_is_generated_that_stands_alone(tmp_path: Path) -> None:
    network = tmp_path / "open.net"
    network.write_text(
        "index i = 1..D, j = 1..H; input x[i]; parameter W[j,i]; z[j] = sum(i, W[j,i]*x[i]); L = sum(j, z[j]**2)"
    )
    module: dict[str, Any] = {"__name__": "generated"}
    source = done("generate", str(network), "--target", "numpy", "--size", "H=3")
    assert "import symprop" not in source
    exec(compile(source, "generated", "exec"), module)
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    parameters = module["initialize"](0, None, {"x": x})
    assert parameters["W"].shape == (3, 2)
    _, gradients = module["gradient"](parameters, {"x": x})
    # d/dW mean |W x|^2 = 2 W mean(x x^T)
    np.testing.assert_allclose(gradients["W"], parameters["W"] @ (x.T @ x), rtol=1e-12)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The report of a default training of the main example, and the path of its model."""
    model = str(tmp_path_factory.mktemp("model") / "heart.npz")
    return done("train", str(EXAMPLES / "heart.net"), HEART, "-o", model), model


def test_training_reports_rows_columns_sizes_and_scores_in_eighty_columns(trained: tuple[str, str]) -> None:
    report, model = trained
    assert max(map(len, report.replace(model, "model.npz").splitlines())) <= 80
    words = " ".join(report.split())
    assert "297 used: 238 to train, 59 to validate; 6 dropped (Ca lacks 4, Thal lacks 2)" in words
    assert "AHD: No is 0, Yes is 1" in words
    assert "ChestPain (nonanginal, nontypical, typical; else asymptomatic)" in words
    assert "16 components from 13 columns, and 1 that the network fixes" in words
    assert "D = 16" in words
    accuracy = next(line.split() for line in report.splitlines() if line.split()[:1] == ["accuracy"])
    assert float(accuracy[2]) > 0.75


def test_predictions_carry_the_names_of_classes_and_say_what_is_missing(
    trained: tuple[str, str], tmp_path: Path
) -> None:
    lines = Path(HEART).read_text().splitlines()
    strange = lines[2].replace("asymptomatic", "itchy")
    lacking = next(line for line in lines if line.split(",")[lines[0].split(",").index("Ca")] == "")
    new = tmp_path / "new.csv"
    new.write_text("\n".join([lines[0], lines[1], strange, lacking]) + "\n")
    result = run("predict", trained[1], str(new))
    assert result.exit_code == 2
    rows = [line.split(",") for line in result.stdout.splitlines()]
    assert rows[0] == ["line", "AHD", "y"]
    assert rows[1][1] == ("Yes" if float(rows[1][2]) > 0.5 else "No")
    assert [row[:2] for row in rows[2:]] == [["3", ""], ["4", ""]]
    assert result.stderr.splitlines() == [
        "new.csv, line 3: ChestPain has the unknown category 'itchy'",
        "new.csv, line 4: Ca is missing",
        "2 of 3 rows have no prediction",
    ]


def test_a_table_without_a_readable_row_has_empty_predictions(trained: tuple[str, str], tmp_path: Path) -> None:
    lines = Path(HEART).read_text().splitlines()
    new = tmp_path / "new.csv"
    new.write_text(f"{lines[0]}\n{lines[2].replace('asymptomatic', 'itchy')}\n")
    result = run("predict", trained[1], str(new))
    assert result.exit_code == 2
    assert result.stdout.splitlines() == ["line,AHD,y", "2,,"]


def test_several_classes_are_predicted_by_name(tmp_path: Path) -> None:
    model, table = str(tmp_path / "iris.npz"), EXAMPLES / "data" / "iris.csv"
    report = done("train", str(EXAMPLES / "iris.net"), str(table), "--learning-rate", "0.03", "-o", model)
    assert "one-hot: setosa, versicolor, virginica" in " ".join(report.split())
    rows = [line.split(",") for line in done("predict", model, str(table)).splitlines()]
    assert rows[0] == ["line", "species", "p[setosa]", "p[versicolor]", "p[virginica]"]
    truth = [line.rsplit(",", 1)[1] for line in table.read_text().splitlines()[1:]]
    # Linear discriminants get 147 of these 150 flowers right (Fisher 1936).
    assert sum(row[1] == name for row, name in zip(rows[1:], truth, strict=True)) > 135


def test_a_regression_is_scored_in_the_units_of_its_target() -> None:
    report = done(
        "train", str(EXAMPLES / "auto_mpg.net"), str(EXAMPLES / "data" / "auto_mpg.csv"),
        "--target", "mpg", "--learning-rate", "0.1", "--epochs", "300",
    )  # fmt: skip
    words = " ".join(report.split())
    assert "392 used" in words
    assert "left out car_name: 305 different texts in 398 rows" in words
    scores = {line.split()[0]: line.split()[-1] for line in report.splitlines() if line.split()}
    # Linear models leave about 3.3 miles per gallon; the mean of the target leaves 7.8.
    assert float(scores["RMSE"]) < 4.5
    assert float(scores["guessing"]) > 6


MISTAKES: list[tuple[list[str], str]] = [
    (["derive", "none.net"], "OptionError: there is no file none.net"),
    (["derive", str(EXAMPLES)], "OptionError: .* cannot be read"),
    (["derive", str(EXAMPLES / "data" / "digits.csv.gz")], "digits.csv.gz is a table, and a network comes first"),
    (["derive", HEART], "Error: .*\n  line 1 |"),
    (["derive", str(EXAMPLES / "heart.net"), "--wrt", "alhpa"], "Did you mean 'alpha'"),
    (["derive", str(EXAMPLES / "heart.net"), "-o", "none/out.txt"], "none/out.txt cannot be written"),
    (["evaluate", str(EXAMPLES / "heart.net"), "--at", "t=1"], "Error: "),
    (["train", str(EXAMPLES / "heart.net"), "none.csv"], "TableError: there is no file none.csv"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--target", "Ahd"], "Did you mean 'AHD'"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--columns", "x:Age"], "Write it as --columns"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--size", "H=many"], "Write it as --size H=16"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--size", "Q=3"], "no size 'Q'"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--batch-size", "half"], "--batch-size half"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--validation", "2"], "validation is 2"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--optimizer", "adma"], "adam"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--target", "ChestPain"], "do not fit the target t"),
    (["evaluate", str(EXAMPLES / "heart.net"), "--at", "beta=[1,2], x=[1,1]"], "Another value: --size H="),
    (["train", str(EXAMPLES / "networks" / "lstm.net"), HEART], "give the size: --size T=1 --size D=1"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--size", "H=0"], "--size H=0: 0 is no size"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--size", "H=-2"], "-2 is no size"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--seed", "-1"], "seed is -1"),
    (["train", str(EXAMPLES / "iris.net"), IRIS, "--size", "K=4"], "has 3 classes .*t has 4 components"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--lr", "1"], "Did you mean '--learning-rate'"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "--epoch", "1"], "Did you mean '--epochs'"),
    (["graph", str(EXAMPLES / "heart.net"), "-o", "heart.svg"], "dot -Tsvg"),
    (["plot", "none.npz"], "there is no file none.npz"),
    (["plot", HEART], "is not a model file"),
    (["equal", "x", "y", "--fromat"], "unexpected extra argument"),
    (["predict", HEART, HEART], "is not a model file"),
    (["train", HEART, str(EXAMPLES / "heart.net")], "comes first\n  Write symprop train .*heart.net .*heart.csv"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "-o", HEART], "would overwrite the table that is read"),
    (["train", str(EXAMPLES / "heart.net"), HEART, "-o", str(EXAMPLES / "iris.net")], "a file that is no model"),
    (["derive", str(EXAMPLES / "heart.net"), "-o", str(EXAMPLES / "heart.net")], "would overwrite the network"),
    (["evaluate", str(EXAMPLES / "heart.net"), "--at", "x=(1,2)"], "Write x = \\[1, 2\\]"),
    (["evaluate", str(EXAMPLES / "heart.net"), "--at", "x=[1,2] w=[1,2]"], "a comma is missing before 'w'"),
    (["predict", "none.npz", HEART], "there is no file none.npz"),
    (["derive"], "Missing argument"),
    (["derive", str(EXAMPLES / "heart.net"), "--notation", "prose"], "Invalid value"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes_end_in_words_and_status_2(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.search(message, result.stderr), result.stderr
    assert "Traceback" not in result.stderr


def test_an_expression_may_start_with_a_minus() -> None:
    assert "proved" in done("equal", "-cosh(x)", "-cosh(-x)")
    assert run("equal", "x**2", "-x*x").exit_code == 1


def test_another_size_may_be_given_to_evaluate(tmp_path: Path) -> None:
    network = tmp_path / "sum.net"
    network.write_text("size H = 10; index j = 1..H; input x[j]; y = sum(j, x[j]**2)")
    assert "y        = 13" in done("evaluate", str(network), "--at", "x=[2,3]", "--size", "H=2")


def test_a_mistake_in_a_claim_is_said_once() -> None:
    result = run("check", str(EXAMPLES / "heart.net"), "--claim", "dJ/db = t - (y")
    assert result.exit_code == 2
    assert (result.stdout + result.stderr).count("is never closed") == 1


@pytest.mark.parametrize("command", ["", *main.commands], ids=str)
def test_the_help_of_every_command_fits_and_ends_in_examples(command: str) -> None:
    text = done(*filter(None, [command]), "--help")
    assert max(map(len, text.splitlines())) <= 80
    assert "Examples:\n    symprop" in text


def test_a_hidden_size_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    network = tmp_path / "open.net"
    network.write_text(
        "index i = 1..D, j = 1..H; input x[i]; target t; parameter W[j,i], v[j]; "
        "y = sigmoid(sum(j, v[j]*tanh(sum(i, W[j,i]*x[i])))); L = binary_cross_entropy(t, y); predict y"
    )
    result = run("train", str(network), HEART)
    assert result.exit_code == 2
    assert "--size H=16" in result.stderr
    assert "H = 3" in done("train", str(network), HEART, "--size", "H=3", "--epochs", "2")


def test_a_diverging_training_is_a_mistake_of_its_options(tmp_path: Path) -> None:
    model = tmp_path / "mpg.npz"
    result = run(
        "train", str(EXAMPLES / "auto_mpg.net"), str(EXAMPLES / "data" / "auto_mpg.csv"), "--target", "mpg",
        "--optimizer", "sgd", "--learning-rate", "1e9", "-o", str(model),
    )  # fmt: skip
    assert result.exit_code == 2
    assert "no longer finite at step" in result.stderr
    assert "--learning-rate" in result.stderr
    assert not model.exists()


def imported_by(*code: str) -> set[str]:
    script = "import sys\n" + "\n".join(code) + "\nprint(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return {name.split(".")[0] for name in result.stderr.split()}


def test_importing_symprop_brings_nothing_large() -> None:
    assert not imported_by("import symprop") & {"sympy", "numba", "numpy", "lark", "flint", "click"}


def test_help_brings_nothing_large() -> None:
    code = "from symprop.command_line import main", "main(['train', '--help'], standalone_mode=False)"
    assert not imported_by(*code) & {"sympy", "numba", "numpy", "lark", "flint"}


def test_training_again_brings_no_sympy(trained: tuple[str, str]) -> None:
    code = (
        "from symprop.command_line import main",
        f"main(['train', {str(EXAMPLES / 'heart.net')!r}, {HEART!r}, '--epochs', '2'], standalone_mode=False)",
    )
    imported_by(*code)  # fills the cache
    imported = imported_by(*code)
    assert "numba" in imported
    assert "sympy" not in imported


def test_every_public_name_is_there() -> None:
    for name in symprop.__all__:
        assert getattr(symprop, name).__name__.rpartition(".")[2] == name
    with pytest.raises(AttributeError, match="nonsense"):
        symprop.nonsense  # noqa: B018


def test_what_is_likely_a_mistake_is_said_when_a_network_is_read() -> None:
    net = b"input x; target t; parameter w, u; y = sigmoid(w*x); L = binary_cross_entropy(y, t)"
    page = run("derive", "-", text=net)
    assert "Note: the parameter 'u' on line 1 is read by no equation." in page.stdout
    assert not page.stderr
    result = run("derive", "-", "--format", "json", text=net)
    assert result.exit_code == 0
    first, second = result.stderr.splitlines()
    assert "notice: line 1 takes the logarithm of the target 't'" in first
    assert second == "notice: the parameter 'u' on line 1 is read by no equation"


def test_a_graph_is_written_in_the_form_of_its_ending(tmp_path: Path) -> None:
    network = str(EXAMPLES / "heart.net")
    for name, start in (("a.dot", "digraph"), ("a.gv", "digraph"), ("a.mmd", "flowchart"), ("a.md", "```mermaid\n")):
        assert done("graph", network, "-o", str(tmp_path / name)) == ""
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)
    assert done("graph", network) == (tmp_path / "a.dot").read_text(encoding="utf-8")

"""README.md is true: its outputs are what the commands print, its Python runs, its links lead somewhere.

With REFRESH_GOLDEN=1 the outputs are written anew; read them as prose before committing.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from symprop.algebra.optimizers import OPTIMIZERS
from symprop.command_line import main
from symprop.errors import SympropError
from symprop.pipeline import parse
from symprop.runtime.fit import fit

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"<!-- (output|shape|error): (.+?) -->\n```\n(.*?)```", re.S)


def run(command: str) -> str:
    """Return what a command of the README prints."""
    program, *arguments = shlex.split(command)
    assert program == "symprop"
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (0, 1), result.output
    return result.output


def shape(text: str) -> str:
    """Return `text` without its numbers and spacing: measured times and scores differ from machine to machine."""
    return re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)?", "#", text)).strip()


def produced(kind: str, command: str) -> str:
    if kind == "error":
        with pytest.raises(SympropError) as caught:
            parse(command)
        return f"{caught.value}\n"
    return run(command)


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def blocks() -> list[tuple[str, str, str]]:
    return BLOCK.findall(README.read_text(encoding="utf-8"))


@pytest.mark.skipif(not os.environ.get("REFRESH_GOLDEN"), reason="only refreshes")
def test_refresh() -> None:
    def anew(match: re.Match[str]) -> str:
        kind, command = match[1], match[2]
        return f"<!-- {kind}: {command} -->\n```\n{produced(kind, command).rstrip()}\n```"

    README.write_text(BLOCK.sub(anew, README.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.mark.parametrize(("kind", "command", "printed"), blocks(), ids=[block[1] for block in blocks()])
def test_the_output_in_the_readme_is_what_is_printed(kind: str, command: str, printed: str) -> None:
    output = produced(kind, command)
    if kind == "shape":
        assert shape(output) == shape(printed)
    else:
        assert output.rstrip() == printed.rstrip()


def test_the_network_in_the_readme_is_the_example() -> None:
    network = README.read_text(encoding="utf-8").split("```")[1].strip()
    assert network == (ROOT / "examples" / "heart.net").read_text(encoding="utf-8").strip()


def test_the_python_in_the_readme_prints_what_its_comments_say(tmp_path: Path) -> None:
    codes = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert len(codes) == 2
    said = [match.strip() for match in re.findall(r"^print\(.*?\)\s+# (.*)$", "\n".join(codes), re.M)]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for code in codes:
            exec(compile(code.replace("model.npz", str(tmp_path / "model.npz")), "README.md", "exec"), {})
    lines = printed.getvalue().splitlines()
    for expected in said:
        if not expected.startswith("also "):
            assert expected in lines


def test_links_in_the_readme_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_second_command_of_the_readme_is_what_continuous_integration_runs() -> None:
    command = "python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/python -m pytest"
    assert f"\n{command}\n" in README.read_text(encoding="utf-8")
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith(command)


def test_the_options_of_training_are_those_of_the_code() -> None:
    readme = README.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(--[a-z-]+)[^|]*\| `(\w+)`[^|]*\| (.*) \|$", readme, re.M)
    options = {option.opts[0]: option for option in main.commands["train"].params if option.opts[0].startswith("--")}
    arguments = inspect.signature(fit).parameters
    assert {row[0] for row in rows} == set(options) - {"--target", "--columns"}
    for option, argument, default in rows:
        found = arguments[argument].default
        if found is None:  # it follows from the network or the data, and the README says how
            assert options[option].required is False
            continue
        assert f"`{found}`" in default
        assert str(options[option].default) == str(found)
    alone = readme.split("`fit` alone has")[1].split("\n\n")[0]
    named = {name for name in arguments if f"`{name}" in alone}
    assert named | {row[1] for row in rows} | {"net", "data"} == set(arguments)
    for name in ("dtype", "target", "reduction"):
        assert f'`{name}="{arguments[name].default}"`' in alone


def test_every_optimizer_stands_in_the_readme() -> None:
    row = next(line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| `--optimizer"))
    names = " ".join(re.findall(r"`([a-z ]+)`", row.split("|")[3])).split()
    assert sorted(names) == sorted(OPTIMIZERS)


@pytest.mark.parametrize("command", list(main.commands))
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert f"symprop {command} " in README.read_text(encoding="utf-8")

"""The command ``symprop``: the public verbs, with files in and text out.

Exit status: 0 done or right, 1 a claim is wrong, 2 unreadable input or wrong use, 3 undecided.
What a user can mend goes to standard error in words.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symprop import __version__, arguments
from symprop.errors import OptionError, SympropError

if TYPE_CHECKING:
    from symprop.declaration.network import Network

FORMATS = ("text", "latex", "markdown", "html", "json")

TABLES = (".csv", ".csv.gz", ".tsv", ".xlsx")

# What the arguments of the commands are called in a message.
_READ = {"network": "network", "claims": "claims", "data": "table", "model": "model"}

# More complaints than this about rows of one table are counted, not listed.
MOST_COMPLAINTS = 20


class Command(click.Command):
    """A command; an option that it does not have is answered with the one that was meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            names = [name for parameter in self.params for name in parameter.opts if name.startswith("--")]
            known = {name.lstrip("-").replace("-", "_"): name for name in names}
            close = arguments.meant(error.option_name.lstrip("-").replace("-", "_"), known)
            if close is None:
                raise
            message = f"No such option '{error.option_name}'. Did you mean '{known[close]}'?"
            raise click.UsageError(message, ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        _check_paths(ctx.params)
        return super().invoke(ctx)


class Commands(click.Group):
    """The group of commands; it turns users' mistakes into words and status 2."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SympropError as error:
            click.echo(str(error), err=True)
            ctx.exit(2)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which they are used


def examples(*lines: str) -> str:
    """Return examples as they stand below the help of a command."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


OVERVIEW = examples(
    "symprop derive heart.net            print the backward pass",
    "symprop check heart.net mine.txt    judge a derivation by hand",
    "symprop train heart.net heart.csv   train on a table",
    "symprop COMMAND --help              say more about a command",
)


@click.group(
    epilog=OVERVIEW, cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.version_option(__version__, prog_name="symprop")
def main() -> None:
    """Backpropagation derived symbolically: printed, checked, and generated as fast training code.

    NETWORK is a file in the language of symprop, or - for standard input.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that lacks a character shows an escape instead of ending in a traceback.
            stream.reconfigure(errors="backslashreplace")


def network_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument NETWORK to a command."""
    return click.argument("network")(command)


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option -o to a command that prints."""
    return click.option("-o", "--output", metavar="FILE", help="Write there instead of to standard output.")(command)


def size_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --size to a command."""
    return click.option(
        "--size", "sizes", multiple=True, metavar="H=16", help="Value of a size name; may be given several times."
    )(command)


@main.command(
    epilog=examples(
        "symprop derive heart.net", "symprop derive heart.net --notation matrix --format latex -o heart.tex"
    )
)
@network_argument
@click.option("--wrt", metavar="NAMES", help="By which quantities, separated by commas.  [default: every parameter]")
@click.option("--of", metavar="NAME", help="What to differentiate.  [default: the objective]")
@click.option("--notation", type=click.Choice(["index", "matrix", "scalar"]), default="index", show_default=True)
@click.option("--mode", type=click.Choice(["reverse", "forward"]), default="reverse", show_default=True)
@click.option("--detail", type=click.Choice(["final", "steps", "full"]), default="steps", show_default=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@size_option
@output_option
def derive(
    network: str,
    wrt: str | None,
    of: str | None,
    notation: str,
    mode: str,
    detail: str,
    form: str,
    sizes: Sequence[str],
    output: str | None,
) -> None:
    """Print the backward pass of NETWORK, step by step."""
    from symprop import pipeline

    names = None if wrt is None else _parts(wrt)
    read = _network if form == "json" else _read  # a page has the notices of the network itself
    derivation = pipeline.derive(read(network), wrt=names, of=of, mode=mode)
    if form == "text":
        text = derivation.to_text(notation=notation, detail=detail, sizes=_sizes(sizes))
    elif form == "json":
        text = _json(derivation.to_dict())
    else:
        text = getattr(derivation, f"to_{form}")(notation=notation, detail=detail, sizes=_sizes(sizes))
    _write(text, output)


@main.command(
    short_help="Evaluate NETWORK at a point, exactly where that is possible.",
    epilog=examples('symprop evaluate line.net --at "x=[1,2], w=[1/2,3]" --show "D(y,x[1])"'),
)
@network_argument
@click.option("--at", "point", required=True, metavar="VALUES", help='Given values, such as "x=[1,2], w[0]=1/2".')
@click.option("--show", metavar="EXPRESSIONS", help='Further expressions, such as "D(y[1],x[1]), z[2]**2".')
@size_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
def evaluate(network: str, point: str, show: str | None, sizes: Sequence[str], form: str, output: str | None) -> None:
    """Evaluate every quantity and adjoint of NETWORK at a point; exact numbers stay exact."""
    from symprop import pipeline
    from symprop.declaration.parser import parse_point

    net = _network(network)
    values = pipeline.evaluate(net, parse_point(point, net), show=_parts(show) if show else (), sizes=_sizes(sizes))
    _write(_json(values.to_dict()) if form == "json" else values.to_text(), output)


@main.command(
    short_help="Judge the lines of a hand derivation.",
    epilog=examples(
        "symprop check heart.net claims.txt",
        'symprop check heart.net --claim "dJ/db = t - y"',
        "symprop check heart.net submissions/ -o table.html",
    ),
)
@network_argument
@click.argument("claims", required=False, metavar="[CLAIMS]")
@click.option("--claim", "single", multiple=True, metavar="LINE", help="A line to judge; may be given several times.")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "html", "json"]), default="text", show_default=True
)
@click.option("--time-limit", type=float, default=60.0, show_default=True, help="Seconds for each file of a folder.")
@click.option("--memory-limit", type=int, default=2048, show_default=True, help="Megabytes for each file of a folder.")
@output_option
@click.pass_context
def check(
    ctx: click.Context,
    network: str,
    claims: str | None,
    single: Sequence[str],
    form: str,
    time_limit: float,
    memory_limit: int,
    output: str | None,
) -> None:
    """Judge the lines of a hand derivation about NETWORK.

    CLAIMS is a file, - for standard input, or a folder of files: then each is judged by itself, and a table is printed
    as CSV (with -o FILE.html as HTML).  Exit status: 0 right, 1 a line is wrong, 2 unreadable, 3 undecided.
    """
    from symprop import pipeline

    if (claims is None) == (not single):
        raise OptionError("check judges either a file of claims or --claim", hint='Write --claim "dJ/dw[i] = ...".')
    if claims is not None and claims != "-" and Path(claims).is_dir():
        ctx.exit(_check_folder(network, claims, form, time_limit, memory_limit, output))
    net = _network(network)
    if claims is None:
        text = "\n".join(single)
    elif claims == "-":
        text = pipeline.decode(sys.stdin.buffer.read(), "standard input")
    else:
        text = pipeline.read_text(claims)
    report = pipeline.check(net, text)
    if form == "json":
        _write(_json(report.to_dict()), output)
    elif form == "text":
        terminal = output is None and sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else 80
        _write(report.to_text(width=width, colour=terminal), output)
    else:
        _write(getattr(report, f"to_{form}")(), output)
    for line in report.lines:
        if line.error and (form != "text" or output is not None):  # else the report says it
            click.echo(line.error, err=True)
    ctx.exit(report.exit_status)


def _check_folder(
    network: str, folder: str, form: str, time_limit: float, memory_limit: int, output: str | None
) -> int:
    """Judge every file of a folder and write the table; return the exit status."""
    from symprop import pipeline
    from symprop.verification import submissions

    text = pipeline.decode(sys.stdin.buffer.read(), "standard input") if network == "-" else pipeline.read_text(network)
    pipeline.parse(text)  # a mistake in the network is said once, not for every file

    def progress(row: submissions.Row) -> None:
        if sys.stderr.isatty():
            click.echo(f"{row.file}: {row.verdict}", err=True)

    rows = submissions.check_folder(
        text, folder, time_limit=time_limit, memory_limit=memory_limit * 1024**2, report=progress
    )
    as_html = form == "html" or (output is not None and output.endswith((".html", ".htm")))
    if form == "json":
        _write(_json([dict(zip(submissions.COLUMNS, row.cells(), strict=True)) for row in rows]), output)
    else:
        _write(submissions.to_html(rows) if as_html else submissions.to_csv(rows), output)
    found = {row.verdict for row in rows}
    if found - {"proved", "agrees", "refuted", "undecided"}:
        return 2
    return 1 if "refuted" in found else 3 if "undecided" in found else 0


# What starts with a minus is an expression, not an option.
@main.command(
    short_help="Judge whether two scalar expressions are equal.",
    epilog=examples('symprop equal "1/(1 + exp(-x))" "(1 + tanh(x/2))/2"'),
    context_settings={"help_option_names": ["--help"], "ignore_unknown_options": True},
)
@click.argument("left", metavar="EXPRESSION")
@click.argument("right", metavar="EXPRESSION")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def equal(ctx: click.Context, left: str, right: str, form: str) -> None:
    """Judge whether two scalar expressions in real variables are equal wherever both are defined.

    Exit status: 0 equal, 1 not, 2 unreadable, 3 undecided.
    """
    from symprop import pipeline

    verdict = pipeline.equal(left, right)
    if form == "json":
        click.echo(_json(verdict.to_dict()))
    else:
        click.echo(verdict.to_text())
    ctx.exit(verdict.exit_status)


@main.command(
    short_help="Print a stand-alone Python module for NETWORK.",
    epilog=examples("symprop generate heart.net -o heart.py"),
)
@network_argument
@click.option("--target", type=click.Choice(["numba", "numpy"]), default="numba", show_default=True)
@size_option
@output_option
def generate(network: str, target: str, sizes: Sequence[str], output: str | None) -> None:
    """Print a stand-alone Python module with the forward and backward functions of NETWORK."""
    from symprop import pipeline

    _write(pipeline.generate(_network(network), target=target, sizes=_sizes(sizes)), output)


@main.command(
    short_help="Train NETWORK on a table, and say how good it is.",
    epilog=examples(
        "symprop train heart.net heart.csv --target AHD --size H=16 -o heart.npz",
        'symprop train heart.net heart.csv --columns "x=Age,Chol,MaxHR"',
    ),
)
@network_argument
@click.argument("data", metavar="DATA.csv")
@click.option("--target", metavar="COLUMN", help="Column of the target.  [default: of its name, else the last]")
@click.option(
    "--columns",
    multiple=True,
    metavar='"x=Age,Sex"',
    help="Columns of an input or target; may be given several times.  [default: all that remain]",
)
@size_option
@click.option("--optimizer", metavar="NAME", help="[default: the network's own, else adam]")
@click.option("--learning-rate", type=float, help="[default: that of the network's own optimizer, else 0.001]")
@click.option("--epochs", type=int, default=100, show_default=True)
@click.option("--batch-size", default="32", show_default=True, metavar="N|all", help="Rows for each step.")
@click.option("--validation", type=float, default=0.2, show_default=True, help="Part of the rows to hold out.")
@click.option(
    "--early-stopping",
    type=int,
    default=10,
    show_default=True,
    help="Epochs to wait for a better objective on the rows held out; 0 never stops early.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("-o", "--output", metavar="MODEL.npz", help="Save the trained model there.")
def train(
    network: str,
    data: str,
    target: str | None,
    columns: Sequence[str],
    sizes: Sequence[str],
    optimizer: str | None,
    learning_rate: float | None,
    epochs: int,
    batch_size: str,
    validation: float,
    early_stopping: int,
    seed: int,
    output: str | None,
) -> None:
    """Train NETWORK on a table with named columns (.csv or .csv.gz), and say how good it is.

    Numbers are standardised and categories become 0/1 columns; rows with missing values are left out and counted.
    """
    from symprop.errors import DivergenceError
    from symprop.runtime import fit_table, table

    began = time.perf_counter()
    try:
        result = fit_table.fit_table(
            _network(network),
            table.read(data),
            sizes=_sizes(sizes),
            target=target,
            columns=_columns(columns),
            validation=validation,
            seed=seed,
            optimizer=optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=_batch_size(batch_size),
            early_stopping=early_stopping,
        )
    except DivergenceError as error:
        hint = (error.hint or "").replace("a smaller learning rate", "a smaller --learning-rate")
        hint = f"{hint.partition(' The last')[0]}\nNo model was saved."
        raise DivergenceError(error.message, hint=hint) from None
    saved = str(result.run.save(output)) if output else None
    click.echo(fit_table.report(result, network, saved, time.perf_counter() - began))


@main.command(
    short_help="Print the predictions of a trained MODEL, as CSV.",
    epilog=examples("symprop predict heart.npz new.csv -o predictions.csv"),
)
@click.argument("model", metavar="MODEL.npz")
@click.argument("data", metavar="NEW.csv")
@output_option
@click.pass_context
def predict(ctx: click.Context, model: str, data: str, output: str | None) -> None:
    """Print the predictions of a trained MODEL for the rows of a table, as CSV.

    A row that cannot be read has empty cells, and is named on standard error.  Exit status: 0 every row has a
    prediction, 2 some have none.
    """
    from symprop import pipeline
    from symprop.runtime import fit_table, table
    from symprop.runtime.fit import load

    run = load(model)
    new = table.read(data)
    text, complaints = fit_table.predict_table(run, pipeline.parse(run.network), new)
    _write(text, output)
    for row, complaint in sorted(complaints.items())[:MOST_COMPLAINTS]:
        click.echo(f"{new.place(row)}: {complaint}", err=True)
    if len(complaints) > MOST_COMPLAINTS:
        click.echo(f"... and {len(complaints) - MOST_COMPLAINTS} more", err=True)
    if complaints:
        click.echo(f"{len(complaints)} of {len(new)} rows have no prediction", err=True)
        ctx.exit(2)


# The form of a graph, by the ending of the file.
GRAPHS = {".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid", ".md": "mermaid"}


@main.command(
    short_help="Draw the computational graph of NETWORK.",
    epilog=examples("symprop graph heart.net | dot -Tsvg > heart.svg", "symprop graph heart.net -o heart.mmd"),
)
@network_argument
@click.option("-o", "--output", metavar="FILE", help="Write there: .dot, .gv (Graphviz), .mmd or .md (Mermaid).")
def graph(network: str, output: str | None) -> None:
    """Print the computational graph of NETWORK as text for Graphviz, or for Mermaid by the ending of FILE.

    Inputs are boxes, targets hexagons, parameters ellipses; a dashed edge leads from another step of a recurrence.
    """
    from symprop import pipeline

    ending = ".dot" if output is None else Path(output).suffix.lower()
    if ending not in GRAPHS:
        raise OptionError(
            f"{output}: a graph is written as {', '.join(GRAPHS)}",
            hint="Graphviz makes a picture of it: symprop graph NETWORK | dot -Tsvg > graph.svg",
        )
    text = pipeline.graph(_network(network), GRAPHS[ending])
    _write(f"```mermaid\n{text}```\n" if ending == ".md" else text, output)


@main.command(
    short_help="Draw the learning curve of a trained MODEL.",
    epilog=examples("symprop plot heart.npz -o heart.png"),
)
@click.argument("model", metavar="MODEL.npz")
@click.option("-o", "--output", metavar="FILE", help="Picture to write: .png, .svg or .pdf.  [default: MODEL.png]")
def plot(model: str, output: str | None) -> None:
    """Draw the objective by epoch, in training and on the rows held out, of a trained MODEL.

    MODEL may also be a JSON file with the lists "objective" and "validation".  Needs matplotlib: pip install
    'symprop[plot]'.
    """
    from symprop.runtime.plot import learning_curve, record

    picture = output or f"{Path(model).with_suffix('')}.png"
    click.echo(f"{learning_curve(record(model), picture)} written")


def _check_paths(given: Mapping[str, Any]) -> None:
    """Refuse an output that would overwrite what is read, and a table that stands where a network should."""
    network, output = given.get("network"), given.get("output")
    if network is not None and network.lower().endswith(TABLES):
        raise OptionError(
            f"{network} is a table, and a network comes first",
            hint=f"Write symprop train {given['data']} {network}."
            if given.get("data")
            else "A network is a text with equations; README.md has one.",
        )
    if output is None:
        return
    target = Path(output)
    for name in ("network", "claims", "data", "model"):
        read = given.get(name)
        if read is not None and target.is_file() and Path(read).is_file() and target.samefile(read):
            raise OptionError(
                f"-o {output} would overwrite the {_READ[name]} that is read", hint="Give another name after -o."
            )
    if "data" in given and "network" in given and target.is_file() and target.suffix != ".npz":
        raise OptionError(f"-o {output} would overwrite a file that is no model", hint="Write -o model.npz.")


def _network(path: str) -> Network:
    """Return the network of a file; what is likely a mistake in it is said on standard error."""
    network = _read(path)
    for notice in network.notices:
        click.echo(f"notice: {notice}", err=True)
    return network


def _read(path: str) -> Network:
    from symprop import pipeline

    if path == "-":
        return pipeline.parse(pipeline.decode(sys.stdin.buffer.read(), "standard input"))
    return pipeline.read(path)


def _parts(text: str) -> list[str]:
    """Return what stands between the commas that are outside brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _sizes(settings: Sequence[str]) -> dict[str, Any]:
    sizes: dict[str, Any] = {}
    for setting in (part for text in settings for part in _parts(text)):
        name, _, value = (part.strip() for part in setting.partition("="))
        listed = value.startswith("[") and value.endswith("]")
        numbers = [part.strip() for part in value.strip("[]").split(",")]
        if value and all(number.isdecimal() or number.startswith("-") for number in numbers):
            wrong = [number for number in numbers if not number.isdecimal() or int(number) < 1]
            if wrong:
                raise OptionError(f"--size {setting}: {wrong[0]} is no size; a size is a positive integer")
        if not all(number.isdecimal() and int(number) >= 1 for number in numbers) or (len(numbers) > 1 and not listed):
            raise OptionError(
                f"--size {setting} cannot be read",
                hint="Write it as --size H=16, or n=[13,16,1] for one that differs from layer to layer.",
            )
        sizes[name] = [int(number) for number in numbers] if listed else int(numbers[0])
    return sizes


def _columns(settings: Sequence[str]) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for setting in (part for text in settings for part in text.split(";")):
        name, equals, names = setting.partition("=")
        if not equals or not names.strip():
            raise OptionError(f"--columns {setting!r} cannot be read", hint='Write it as --columns "x=Age,Sex".')
        columns[name.strip()] = [part.strip() for part in names.split(",") if part.strip()]
    return columns


def _batch_size(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise OptionError(f"--batch-size {text} cannot be read", hint="Write a number of rows, or all.")
    return int(text)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _write(text: str, output: str | None) -> None:
    text = text.rstrip("\n")
    if output is None:
        click.echo(text)
        return
    try:
        Path(output).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OptionError(f"{output} cannot be written: {error.strerror}") from None


if __name__ == "__main__":
    main()

"""Many submissions: every file of a folder judged in a process of its own, with a limit of time and memory each."""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from symprop.errors import OptionError, SympropError

TIME_LIMIT = 60.0  # seconds for one file
MEMORY_LIMIT = 2 * 1024**3  # bytes of address space for one file
LARGEST_FILE = 5_000_000  # bytes
COLUMNS = ("file", "verdict", "first wrong line", "slip", "score", "lines", "right", "message")


@dataclass(frozen=True)
class Row:
    """What was found about one file.

    Attributes
    ----------
    file : str
        Its name.
    verdict : str
        That of the report, or ``nothing claimed``, ``unreadable``, ``out of time``, ``out of memory``, ``failed``.
    first_wrong : int or None
        The first wrong line.
    slip : str
        Its kind.
    score : float or None
        The part of the lines that are right or follow from the person's own.
    lines, right : int
    message : str
    """

    file: str
    verdict: str
    first_wrong: int | None = None
    slip: str = ""
    score: float | None = None
    lines: int = 0
    right: int = 0
    message: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, in the order of `COLUMNS`."""
        score = "" if self.score is None else f"{self.score:.2f}"
        first = "" if self.first_wrong is None else str(self.first_wrong)
        return self.file, self.verdict, first, self.slip, score, str(self.lines), str(self.right), self.message


def check_folder(
    network: str,
    folder: str | Path,
    processes: int | None = None,
    time_limit: float = TIME_LIMIT,
    memory_limit: int = MEMORY_LIMIT,
    report: Callable[[Row], None] | None = None,
) -> tuple[Row, ...]:
    """Judge every file of a folder; one that does not end, or takes all memory, costs only itself.

    Parameters
    ----------
    network : str
        The text of the network.
    folder : str or Path
    processes : int, optional
        How many files are judged at a time; as many as there are cores by default.
    time_limit : float
        Seconds for one file.
    memory_limit : int
        Bytes for one file.
    report : callable, optional
        Called with each row as it is found.

    Returns
    -------
    tuple of Row
        In the order of the file names.
    """
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise OptionError(f"{folder} cannot be read: {error.strerror}") from None
    if not files:
        raise OptionError(f"there is no file in {folder}")
    rows: dict[Path, Row] = {}
    for path, row in _run(network, files, processes or os.cpu_count() or 1, time_limit, memory_limit):
        rows[path] = row
        if report is not None:
            report(row)
    return tuple(rows[path] for path in files)


def _run(
    network: str, files: Sequence[Path], processes: int, time_limit: float, memory_limit: int
) -> Iterator[tuple[Path, Row]]:
    # A fresh interpreter for each file: nothing of one submission is seen by another.
    context = multiprocessing.get_context("spawn")
    waiting = list(files)
    running: dict[Any, tuple[Path, Any, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                path = waiting.pop(0)
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_judge_file, args=(network, str(path), memory_limit, sender))
                process.start()
                sender.close()
                running[process] = path, receiver, time.monotonic() + time_limit
            finished = []
            for process, (path, receiver, deadline) in running.items():
                row: Row | None = None
                if receiver.poll(0.02):
                    try:
                        row = receiver.recv()
                    except EOFError:
                        row = Row(path.name, "failed", message="the process ended without a result")
                elif time.monotonic() > deadline:
                    process.kill()
                    row = Row(path.name, "out of time", message=f"no result within {time_limit:g} s")
                elif not process.is_alive() and not receiver.poll(0):
                    row = Row(path.name, "failed", message="the process ended without a result")
                if row is not None:
                    finished.append(process)
                    yield path, row
            for process in finished:
                process.join(1)
                if process.is_alive():
                    process.kill()
                running.pop(process)[1].close()
    finally:
        for process in running:
            process.kill()


def _judge_file(network: str, path: str, memory_limit: int, sender: Any) -> None:
    """Judge one file; runs in a process of its own."""
    name = Path(path).name
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits: the time limit remains
    try:
        sender.send(_row(network, path))
    except MemoryError:
        sender.send(Row(name, "out of memory", message=f"more than {memory_limit // 1024**2} MB were needed"))
    except Exception as error:  # whatever a file does, it must not cost the others
        sender.send(Row(name, "failed", message=f"{type(error).__name__}: {error}"[:300]))


def _row(network: str, path: str) -> Row:
    from symprop.declaration.parser import parse
    from symprop.verification.report import check
    from symprop.verification.report_forms import summary

    name = Path(path).name
    try:
        size = Path(path).stat().st_size
        if size > LARGEST_FILE:
            return Row(name, "unreadable", message=f"the file has {size} bytes; {LARGEST_FILE} are read at most")
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return Row(name, "unreadable", message="the file is not UTF-8 text")
    except OSError as error:
        return Row(name, "unreadable", message=f"the file cannot be read: {error.strerror}")
    try:
        report = check(parse(network), text)
    except SympropError as error:
        return Row(name, "unreadable", message=error.message)
    first = report.first_wrong
    right = sum(line.verdict in ("proved", "agrees") for line in report.claims)
    slip = first.diagnosis.kind if first is not None and first.diagnosis is not None else ""
    return Row(
        name,
        report.verdict or ("nothing claimed" if report.lines and not report.claims else "unreadable"),
        first.line if first is not None else None,
        slip,
        report.score,
        len(report.claims),
        right,
        summary(report),
    )


def to_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    # A cell that starts like a formula is one to a spreadsheet.
    writer.writerows([f"'{cell}" if cell[:1] in "=+-@" and cell else cell for cell in row.cells()] for row in rows)
    return target.getvalue()


def to_html(rows: Sequence[Row]) -> str:
    """Return the rows as an HTML page."""
    from symprop.verification.report_forms import PAGE, STYLE

    head = "".join(f"<th>{escape(column)}</th>" for column in COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.cells()) + "</tr>" for row in rows)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Submissions</title>'
        f"<style>{PAGE}{STYLE}</style></head><body><h1>Submissions</h1>"
        f'<table class="symprop-check folder"><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></body></html>\n"
    )


__all__ = ["Row", "check_folder", "to_csv", "to_html"]

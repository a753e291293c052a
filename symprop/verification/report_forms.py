"""A report as text for a terminal, as Markdown and as HTML."""

from __future__ import annotations

import re
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symprop.verification.report import Line, Report

WORDS = {
    "proved": "right, proved",
    "agrees": "right, as far as tested",
    "refuted": "wrong",
    "undecided": "undecided",
    None: "not read",
}
MARKS = {"proved": "✓", "agrees": "✓", "refuted": "✗", "undecided": "?", None: "!"}
COLOURS = {"proved": "32", "agrees": "32", "refuted": "31", "undecided": "33", None: "35"}
DEFINITION = "definition"
FORMULA = ' class="formula"'
_DECIMAL = re.compile(r"-?\d*\.\d+(e[-+]?\d+)?")
LONGEST_VALUE = 200  # characters of a witness's value


def to_text(report: Report, width: int = 80, colour: bool = False) -> str:
    """Return a report for a terminal."""
    rows: list[str] = []
    for line in report.lines:
        head = f"{mark_of(line)} line {line.line}: {word_of(line)}"
        if colour and not line.defines:
            head = f"\033[{COLOURS[line.verdict]};1m{head}\033[0m"
        rows.append(head)
        rows += _wrapped(line.claim, width, "    ")
        for label, text in details(line):
            if label == "error":
                rows += [f"    {row}" for row in text.splitlines()]
                continue
            rows += _wrapped(text, width, "  ", f"  {label}: ")
        rows.append("")
    rows += _wrapped(summary(report), width, "")
    if report.missing:
        rows += _wrapped("Not given: " + "; ".join(report.missing) + ".", width, "  ")
    return "\n".join(rows)


def mark_of(line: Line) -> str:
    """Return one character for what was found about a line."""
    return "·" if line.defines else MARKS[line.verdict]


def word_of(line: Line) -> str:
    """Return what was found about a line in a few words."""
    if line.verdict == "refuted" and line.follows:
        return "wrong by an earlier slip"
    return DEFINITION if line.defines else WORDS[line.verdict]


def details(line: Line) -> list[tuple[str, str]]:
    """Return what is to be said about a line, with a label each."""
    found: list[tuple[str, str]] = []
    if line.error:
        found.append(("error", line.error))
        return found
    if line.note:
        found.append(("read as", line.note))
    if line.verdict == "refuted":
        if line.expected:
            found.append(("right is", line.expected))
        if line.follows:  # the slip is explained where it was made
            found.append(("follows", "This is what your own lines before give: no new slip."))
            return found
        if line.diagnosis:
            found.append((line.diagnosis.kind, line.diagnosis.message))
        if line.witness:
            found.append(("for example", witness_text(line.witness)))
    elif line.diagnosis:
        found.append((line.diagnosis.kind, line.diagnosis.message))
    if line.verdict in ("agrees", "undecided") and line.reason:
        found.append(("because", f"{line.reason}."))
    return found


def witness_text(witness: Any) -> str:
    """Return a witness on one line: sizes, values, entry, both sides."""
    parts = [f"{name} = {value}" for name, value in witness.sizes.items()]
    for name, value in witness.values.items():
        text = _value(value)
        parts.append(f"{name} = {text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + '...'}")
    at = ", ".join(f"{name} = {value}" for name, value in witness.entry.items())
    where = f" at {at}" if at else ""
    given = f"with {', '.join(parts)}: " if parts else ""
    claimed, true = short_numbers(witness.claimed, witness.true)
    return f"{given}your line gives {claimed}{where}, right is {true}"


def short_numbers(*numbers: str) -> list[str]:
    """Return decimal numbers with no more digits than tell them apart; what is exact, or no number, stays."""
    for digits in (6, 10):
        short = [f"{float(each):.{digits}g}" if _DECIMAL.fullmatch(each) else each for each in numbers]
        if len(set(short)) == len(numbers):
            return short
    return list(numbers)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(each) for each in value)}]"
    return str(value)


def summary(report: Report) -> str:
    """Return one sentence about the whole."""
    count = len(report.claims)
    defined = len(report.lines) - count
    definitions = f"{defined} definition{'s' if defined > 1 else ''}"
    if not report.lines:
        return "There is no line to judge."
    if not count:
        return f"{definitions}; nothing is claimed, so nothing was judged."
    right = sum(line.verdict in ("proved", "agrees") for line in report.claims)
    proved = sum(line.verdict == "proved" for line in report.claims)
    parts = [f"{right} of {count} line{'s' if count > 1 else ''} right ({proved} proved)"]
    wrong = [line for line in report.lines if line.verdict == "refuted"]
    if wrong:
        parts.append(f"{len(wrong)} wrong, the first is line {wrong[0].line}")
        following = sum(line.follows for line in wrong)
        if following:
            parts.append(f"{following} of them follow{'s' if following == 1 else ''} from an earlier slip")
    undecided = sum(line.verdict == "undecided" for line in report.lines)
    if undecided:
        parts.append(f"{undecided} undecided")
    unread = sum(line.error is not None for line in report.lines)
    if unread:
        parts.append(f"{unread} could not be read")
    if defined:
        parts.append(definitions)
    return "; ".join(parts) + "."


def to_markdown(report: Report) -> str:
    """Return a report as Markdown."""
    rows = ["| line | claim | verdict |", "|---:|---|---|"]
    for line in report.lines:
        rows.append(f"| {line.line} | {_code(line.claim)} | {mark_of(line)} {word_of(line)} |")
    rows.append("")
    for line in report.lines:
        found = details(line)
        if not found:
            continue
        rows.append(f"**Line {line.line}**: {word_of(line)}")
        rows.append("")
        for label, text in found:
            if label == "error":
                rows += ["```", *text.replace("```", "'''").splitlines(), "```"]
            elif label in ("right is", "for example"):
                rows.append(f"- {label}: {_code(text)}")
            else:
                rows.append(f"- *{label}*: {_plain(text)}")
        rows.append("")
    rows.append(summary(report))
    if report.missing:
        rows += ["", "Not given: " + "; ".join(map(_code, report.missing)) + "."]
    return "\n".join(rows) + "\n"


def _code(text: str) -> str:
    fence = "`" * (1 + max((len(run) for run in _runs(text)), default=0))
    return (
        f"{fence} {text.replace('|', chr(92) + '|')} {fence}"
        if "`" in text
        else f"`{text.replace('|', chr(92) + '|')}`"
    )


def _runs(text: str) -> list[str]:
    return re.findall(r"`+", text)


def _plain(text: str) -> str:
    return "".join(f"\\{c}" if c in "*_`<>|[]" else c for c in text)


def _said(label: str, text: str) -> str:
    shown = f"<pre>{escape(text)}</pre>" if label == "error" else escape(text)
    return f"<dt>{escape(label)}</dt><dd{FORMULA if label == 'right is' else ''}>{shown}</dd>"


def to_html(report: Report, fragment: bool = False) -> str:
    """Return a report as one HTML page, or as a fragment of one."""
    rows = []
    for line in report.lines:
        kind = "defined" if line.defines else line.verdict or "unread"
        if line.verdict == "refuted" and line.follows:
            kind += " follows"
        said = "".join(_said(label, text) for label, text in details(line))
        rows.append(
            f'<tr class="{kind}"><td>{line.line}</td><td><code>{escape(line.claim)}</code>'
            f"{f'<dl>{said}</dl>' if said else ''}</td><td>{mark_of(line)} {word_of(line)}</td></tr>"
        )
    missing = f"<p>Not given: {escape('; '.join(report.missing))}.</p>" if report.missing else ""
    table = (
        f'<table class="symprop-check"><thead><tr><th>line</th><th>claim</th><th>verdict</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table><p>{escape(summary(report))}</p>{missing}"
    )
    if fragment:
        return f"<style>{STYLE}</style>{table}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Check of a derivation</title>'
        f"<style>{PAGE}{STYLE}</style></head><body><h1>Check of a derivation</h1>{table}</body></html>\n"
    )


PAGE = "body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; } "
STYLE = """
table.symprop-check { border-collapse: collapse; width: 100%; }
.symprop-check td, .symprop-check th { padding: 0.5em 0.8em; text-align: left; vertical-align: top; }
.symprop-check tr { border-bottom: 1px solid #ccc; } .symprop-check thead tr { border-bottom: 2px solid #888; }
.symprop-check td:first-child { color: #777; text-align: right; } .symprop-check td:last-child { white-space: nowrap; }
.symprop-check code, .symprop-check dd.formula { font: 0.93em ui-monospace, monospace; overflow-wrap: anywhere; }
.symprop-check dl { display: grid; grid-template-columns: 9em 1fr; gap: 0.15em 1em; margin: 0.4em 0 0; }
.symprop-check dt { color: #777; overflow-wrap: anywhere; } .symprop-check dd { margin: 0; overflow-wrap: anywhere; }
.symprop-check pre { margin: 0; white-space: pre-wrap; }
.symprop-check tr.proved td:last-child, .symprop-check tr.agrees td:last-child { color: #1a7f37; }
.symprop-check tr.refuted td:last-child { color: #c62828; font-weight: 600; }
.symprop-check tr.follows td:last-child { color: #c62828; font-weight: 400; }
.symprop-check tr.undecided td:last-child, .symprop-check tr.unread td:last-child { color: #9a6700; }
.symprop-check tr.defined td:last-child { color: #777; }
.symprop-check.folder td:first-child { text-align: left; } .symprop-check.folder td:last-child { white-space: normal; }
""".replace("\n", " ").strip()


def _wrapped(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    return wrap(
        text,
        max(width, 40),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent if first is None else f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


__all__ = ["summary", "to_html", "to_markdown", "to_text"]

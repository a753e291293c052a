r"""Where formulas stand in a text: LaTeX, Markdown, or lines of formulas alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from symprop.declaration.phrases import lead, listed

_ENVIRONMENTS = (
    r"align|alignat|flalign|gather|multline|equation|eqnarray|displaymath|math|dmath|split|aligned|alignedat|gathered"
)
_DELIMITER = re.compile(
    r"""(?P<skip>\\\\|\\\$|\\%|\\verb(.).*?\2)
    |(?P<comment>%[^\n]*)
    |(?P<fence>^[ ]{0,3}```[ ]*(?P<language>\w*)[^\n]*$)
    |\\begin[ ]*\{(?P<begin>[A-Za-z]+\*?)\}
    |\\end[ ]*\{(?P<end>[A-Za-z]+\*?)\}
    |(?P<display>\$\$)|(?P<inline>\$)
    |(?P<open>\\[\[(])|(?P<close>\\[\])])
    |(?P<code>`[^`\n]*`)
    |(?P<hostile>\\(?:input|include|write18|write|openout|openin|read|immediate|catcode|csname|directlua|special)
        (?![A-Za-z]))""",
    re.VERBOSE | re.MULTILINE,
)
_IS_ENVIRONMENT = re.compile(rf"(?:{_ENVIRONMENTS})\*?")
# Dollars count in pairs: "it cost me 5$" is a sentence, and no formula begins in it.
_DOLLARS = r"\$\$[^$]*\$\$|\$[^$\n]+(?:\n[^$\n]+)?\$"
_PROSE = rf"\\documentclass|\\begin\s*\{{document\}}|\\(?:sub)*section\b|{_DOLLARS}|\\\[|\\\(|^\s*```"
_DOCUMENT = re.compile(rf"{_PROSE}|\\begin\s*\{{(?:{_ENVIRONMENTS})\*?\}}", re.MULTILINE)
_COMMAND = re.compile(rf"\\[A-Za-z,;:!]+|[_^]\{{|{_DOLLARS}|\\\[|\\\(|\\\\")
_BESIDE = re.compile(r"[A-Za-z0-9_)\]]\s+[A-Za-z(\[]")
_WORDS = re.compile(r"\\(?:text|mbox|textrm)\s*\{[^{}]{0,500}\}")
_KEYWORDS = re.compile(r"\b(?:for|if|and|or|not|in|where|at|all)\b")


class Stretch(NamedTuple):
    """A piece of a text.

    Attributes
    ----------
    kind : str
        ``display``, ``inline`` or ``line``: formulas; ``plain``: a line in the infix spelling; ``hostile``: a command
        that a text may not use anywhere.
    start, end : int
        Where it stands.
    """

    kind: str
    start: int
    end: int


def looks_like_latex(text: str) -> bool:
    r"""Return whether a text is LaTeX, or has formulas in LaTeX, rather than the infix spelling.

    A command such as ``\frac``, a subscript or superscript in braces, or ``$`` says so.
    """
    return _COMMAND.search(text) is not None


def has_letter_subscripts(written: str) -> bool:
    """Return whether a line without brackets has subscripts of one letter at single letters, ``x_i``, and no others."""
    subscripts = re.findall(r"\w*_\w*", written)
    one_letter = re.compile(r"[A-Za-z]_[A-Za-z0-9]")
    return bool(subscripts) and "[" not in written and all(one_letter.fullmatch(one) for one in subscripts)


def is_document(text: str) -> bool:
    """Return whether formulas stand between delimiters, with prose around them."""
    return _DOCUMENT.search(_WORDS.sub("", text)) is not None


def stretches(text: str) -> Iterator[Stretch]:
    """Yield the formulas of a text, in order."""
    if not is_document(text):
        yield from _lines(text, 0, len(text))
        return
    prose = _has_prose(text)
    last = 0
    for stretch in _delimited(text):
        yield from _outside(text, last, stretch.start, prose)
        if stretch.kind != "code":
            yield stretch
        last = stretch.end
    yield from _outside(text, last, len(text), prose)


def _has_prose(text: str) -> bool:
    """Whether what stands outside of formulas is prose to pass over, and not formulas without delimiters."""
    return re.search(_PROSE, text, re.MULTILINE) is not None


def _lines(text: str, start: int, end: int) -> Iterator[Stretch]:
    """Yield the lines of a text without delimiters; open braces and brackets continue over line ends."""
    place = start
    begin = start
    depth = 0
    taken = 0
    dashes = listed(text.split("\n"))
    while place < end:
        stop = text.find("\n", place, end)
        stop = end if stop < 0 else stop
        row = text[place:stop]
        taken += 1
        depth += row.count("{") - row.count("\\{") - row.count("}") + row.count("\\}")
        if depth > 0 and taken < 50 and stop < end:
            place = stop + 1
            continue
        written = text[begin:stop]
        if written.strip() and _COMMAND.search(written):
            before = len(written) - len(written.lstrip())
            begin += before + lead(written.strip(), _is_letter, text.count("\n", 0, begin) in dashes)
            written = text[begin:stop]
        if written.strip():
            yield Stretch("line" if _is_latex_line(written) else "plain", begin, stop)
        place = begin = stop + 1
        depth = taken = 0


def _is_letter(word: str) -> bool:
    """Whether a word before a formula may be a letter of it; in LaTeX a name of several letters is set as such."""
    return False


def _is_latex_line(written: str) -> bool:
    if looks_like_latex(written):
        return True
    if has_letter_subscripts(written):
        return True
    if re.search(r"[\[\]*]|\b(?:sum|D|P)\(", written) or re.match(r"\s*(?:#|at\s)", written):
        return False
    return _BESIDE.search(_KEYWORDS.sub("+", written)) is not None


def _outside(text: str, start: int, end: int, prose: bool) -> Iterator[Stretch]:
    """Yield what is to be read between formulas: points to evaluate at, and all lines where no prose is around."""
    place = start
    for row in text[start:end].split("\n"):
        stop = place + len(row)
        if row.strip():
            if re.match(r"\s*at\s[^.]*=", row):
                yield Stretch("plain", place, stop)
            elif not prose and not re.match(r"\s*(?:%|\\(?:begin|end)\b)", row):
                yield from _lines(text, place, stop)
        place = stop + 1


def _delimited(text: str) -> Iterator[Stretch]:
    mode, opener, start = "", "", 0
    depth = 0
    for match in _DELIMITER.finditer(text):
        kind = match.lastgroup
        if match["begin"] is not None:
            kind = "begin"
        elif match["end"] is not None:
            kind = "end"
        elif match["fence"] is not None:
            kind = "fence"
        elif match["skip"] is not None:
            kind = "skip"
        if kind in ("skip", "comment"):
            continue
        if not mode:
            if kind == "begin" and _IS_ENVIRONMENT.fullmatch(match["begin"]):
                mode, opener, start, depth = "begin", match["begin"], match.end(), 1
            elif kind == "begin" and match["begin"] in ("verbatim", "lstlisting", "comment", "minted"):
                mode, opener, start, depth = "code", match["begin"], match.end(), 1
            elif kind in ("display", "inline"):
                mode, start = kind, match.end()
            elif kind == "open":
                mode, opener, start = "open", {"\\[": "\\]", "\\(": "\\)"}[match[0]], match.end()
            elif kind == "fence":
                mode, opener, start = "fence", match["language"], match.end()
            elif kind == "code":
                yield Stretch("code", match.start(), match.end())
            elif kind == "hostile":
                yield Stretch("hostile", match.start(), match.end())
        elif mode in ("begin", "code"):
            if kind == "begin" and match["begin"] == opener:
                depth += 1
            elif kind == "end" and match["end"] == opener:
                depth -= 1
                if depth == 0:
                    yield Stretch("display" if mode == "begin" else "code", start, match.start())
                    mode = ""
        elif mode == "fence":
            if kind == "fence":
                yield Stretch("display" if opener in ("math", "latex", "tex") else "code", start, match.start())
                mode = ""
        elif mode == "display" and kind == "display":
            yield Stretch("display", start, match.start())
            mode = ""
        elif mode == "inline" and kind in ("inline", "display"):
            yield Stretch("inline", start, match.start())
            mode = ""
        elif mode == "open" and kind == "close" and match[0] == opener:
            yield Stretch("display" if opener == "\\]" else "inline", start, match.start())
            mode = ""
    if mode in ("begin", "display", "open") or (mode == "fence" and opener in ("math", "latex", "tex")):
        yield Stretch("display", start, len(text))
    elif mode == "inline":
        stop = text.find("\n", start)
        yield Stretch("inline", start, len(text) if stop < 0 else stop)

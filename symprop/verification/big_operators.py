"""Sums and products with their index below, as on paper: ``∑_k w_k a_k`` and ``sum_k w[k]*a[k]`` are ``sum(k, ...)``.

As on paper, a sum reaches over the product that follows it, up to the next ``+`` or ``-`` outside brackets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from symprop.errors import NotationError

_OPERATOR = r"(?:[∑Σ∏Π]|(?<![\w.])(?:sum|prod))"
_BRACED = r"\{[^{}]*\}"
_BELOW = rf"_\s*(?:{_BRACED}|\([^()]*\)|[^\W_]+)|[ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ]+"
_ABOVE = rf"\s*\^\s*(?:{_BRACED}|\([^()]*\)|\w+)"
_BIG = re.compile(rf"(?P<kind>{_OPERATOR})\s*(?P<below>{_BELOW})(?P<above>{_ABOVE})?\s*")
_BINDING = re.compile(r"(?<![\w.])(?:sum|prod|mean|max|min|logsumexp|softmax|log_softmax)\(\s*(\w+)\s*(?:,|=)")
_IN_BRACES = re.compile(rf"[∑Σ∏Π]\s*_\s*{_BRACED}(?:\s*\^\s*(?:{_BRACED}|\w+))?")


def without_limits(text: str) -> str:
    """Return a text without the limits in braces of ``∑`` and ``∏``, which alone do not make it LaTeX."""
    return _IN_BRACES.sub("", text)


def with_calls(text: str, is_known: Callable[[str], bool]) -> str:
    """Return one side of a claim with ``∑_k e`` as ``sum(k, e)``.

    Parameters
    ----------
    text : str
    is_known : callable
        Whether a word such as ``sum_k`` is a name.

    Raises
    ------
    NotationError
        If terms that follow the sum have its index: they may belong to it.
    """
    begin = 0
    while (match := _BIG.search(text, begin)) is not None:
        if is_known(text[match.start() : match.end()].strip()):
            begin = match.end()
            continue
        kind = "prod" if match["kind"] in ("∏", "Π", "prod") else "sum"
        below = _bare(unicodedata.normalize("NFKC", match["below"]))
        above = _bare(match["above"].strip()) if match["above"] else ""
        end = _reach(text, match.end())
        body = text[match.end() : end].rstrip()
        rest = text[end : _closing(text, end)]
        names = re.split(r"\s*,\s*", below)
        first = re.match(r"\w+", names[0])
        if first is None or not body or (above and len(names) > 1):
            written = match[0].strip()
            raise NotationError(
                f"what '{written}' sums over cannot be read", hint="Write: sum(k, ...), or sum(k = 1..K, ...)."
            )
        if len(names) == 1 and first[0].isalpha() and len(first[0]) > 1 and "=" not in below and not is_known(first[0]):
            names = list(first[0])  # ∑_kj is over k and j
        over = f"{names[0]}..{above}" if above and "=" in names[0] else ", ".join(names)
        if above and "=" not in names[0]:
            over = names[0]  # ∑_k^K: over the range of k
        letters = [re.match(r"\w+", name) for name in names]
        own = {letter[0] for letter in letters if letter is not None}
        _refuse_two_readings(match[0].strip(), kind, over, body, rest, own)
        inner = with_calls(body, is_known)
        call = f"{kind}({over}, {inner})"
        text = text[: match.start()] + call + text[match.start() + len(match[0]) + len(body) :]
        begin = match.start() + len(call)
    return text


def _bare(text: str) -> str:
    """Return limits without the mark before them and their brackets."""
    return text.lstrip("_^ ").strip("{}() ")


def _reach(text: str, start: int) -> int:
    """Return where the product that starts at `start` ends: at a sign between terms, a comma or a closing bracket."""
    depth = 0
    for place in range(start, len(text)):
        character = text[place]
        if character in ")]}" and depth == 0:
            return place
        depth += (character in "([{") - (character in ")]}")
        if depth:
            continue
        if character in ",<>=":
            return place
        if character in "+-−" and text[start:place].strip() and text[:place].rstrip()[-1] not in "*/^·@":
            return place
    return len(text)


def _closing(text: str, start: int, commas: bool = True) -> int:
    """Return where the bracket closes that is open at `start`, or the first comma before."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        if depth < 0 or (commas and depth == 0 and text[place] == ","):
            return place
    return len(text)


def _refuse_two_readings(written: str, kind: str, over: str, body: str, tail: str, own: set[str]) -> None:
    """Refuse ``∑_k a_k + b_k``: the second term may belong to the sum."""
    rest = tail = tail.strip()
    while (match := _BIG.search(rest)) is not None:  # sums of their own
        rest = rest[: match.start()] + rest[_reach(rest, match.end()) :]
    while (bound := _BINDING.search(rest)) is not None and bound[1] in own:
        inside = rest[rest.index("(", bound.start()) + 1 :]
        rest = rest[: bound.start()] + inside[_closing(inside, 0, commas=False) + 1 :]
    subscripts = re.findall(r"\[([^\[\]]*)\]", rest) + re.findall(r"_(\w+)", rest)
    used = {word for inside in subscripts for word in (*re.findall(r"\w+", inside), *inside.split("_")[-1])}
    if not own & used:
        return
    raise NotationError(
        f"'{tail}' may belong to the sum '{written}' or stand after it",
        hint=f"Write {kind}({over}, {body} {tail}) or {kind}({over}, {body}) {tail}.",
    )


__all__ = ["with_calls", "without_limits"]

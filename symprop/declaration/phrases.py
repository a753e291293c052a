"""What people write around a formula: numbers and bullets of lists, words that lead on, and reasons that follow.

A line such as ``(b) Hence dL/dw = (y - t)*x  (chain rule)`` claims what its formula claims. Here the rest is told from
it: by words that no expression can be, never by what would make the line right. What could be both, a factor or a
number of the line, is refused with both readings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from symprop.algebra.functions import ALIASES, FUNCTIONS
from symprop.declaration.names import GREEK
from symprop.errors import NotationError

# Words and arrows that lead from one line to the next; a name of the network is none of them.
LEADING = (
    "let", "define", "put", "so that", "so", "thus", "hence", "therefore", "then", "and", "also", "now", "finally",
    "next", "similarly", "likewise", "consequently", "we get", "we have", "we obtain", "we find", "this gives", "gives",
    "which gives", "it follows that", "that is", "i.e.", "note that", "recall that", "because", "since", "where",
    "with", "here",
)  # fmt: skip
# Words after which a reason stands, to the end of the line.
_REASONS = ("by", "from", "using", "via", "due to", "because of", "see", "cf.", "cf", "as", "because", "since", "—")
# Single words in brackets at the end of a line that are no factors.
_REMARKS = frozenset(
    (
        "chain", "rule", "product", "quotient", "sum", "power", "linearity", "definition", "given", "done", "identity",
        "elementwise", "scalar", "vector", "matrix", "constant", "bias", "layer", "output", "hidden", "input", "outer",
        "inner", "upstream", "local", "gradient", "backprop", "check", "final", "answer",
    )
)  # fmt: skip

_FUNCTIONS = {*FUNCTIONS, *ALIASES, "softmax", "cross", "entropy"}

ARROWS = "=>|⇒|⟹|⟶|∴|∵"
_LEAD = re.compile(rf"(?:{ARROWS}|(?:{'|'.join(map(re.escape, sorted(LEADING, key=len, reverse=True)))})(?![\w\[(=]))"
                   r"\s*[,:]?\s*", re.IGNORECASE)  # fmt: skip
_BULLET = re.compile(r"[•▪◦‣*]\s+|[–—]\s+(?=\S)")
_DASH = re.compile(r"-\s+(?=\S)")
_LABEL = re.compile(r"(?:\d{1,3}(?:\.\d{1,3})*[.)]|(?:[a-z]|[ivx]{1,4})\)|(?:step|eq\.?|line|part)\s+\d{1,3}\s*[.:)])"
                    r"\s+(?=\S)|\((?P<inside>\d{1,3}|[a-zA-Z]|[ivx]{1,4})\)\s*(?=\S)", re.IGNORECASE)  # fmt: skip
_REASON = re.compile(rf"(?:[\s,]|^)(?:{'|'.join(map(re.escape, _REASONS))})[:,]?(?:\s|\()", re.IGNORECASE)
_BETWEEN = re.compile(rf"(?:{ARROWS})|[\s,](?:so|hence|thus|therefore|because|since)\s", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_][^\W\d_'’-]*(?:[-'’][^\W\d_]+)*")
_PROSE = re.compile(r"(?:[^\W\d_]|[-\s,.:;'’&]|\(\d+(?:\.\d+)*\)|\d+(?:\.\d+)*)+")
_NUMBER = re.compile(r"\d+(?:\.\d+)*|\*+|†")
_NAME = r"[^\W\d][\w\u0300-\u036f]*"
_COMPARED = re.compile(r"!=|==|<=|>=|[<>≠≤≥]")
_RANGE = re.compile(rf"\s*{_NAME}\s*(?:=|in\b|∈)\s*[^=]+?\s*(?:\.\.+|…)\s*[^=]+")
_VALUE = re.compile(rf"\s*({_NAME})\s*(?:\[[^\[\]]*\])?\s*=\s*[-+\d\[(][^=]*")
_SAME = re.compile(rf"\s*({_NAME})\s*=\s*({_NAME})\s*")
_EVERY = re.compile(r"(?:for\s+)?(?:all|every|each|any)\s|for\s|∀", re.IGNORECASE)


class Phrase(NamedTuple):
    """One claim of a line.

    Attributes
    ----------
    written : str
        As it stands.
    text : str
        Without what stands around it; limits are said by ``for``, conditions by ``if``, values by ``at``, in that
        order.
    """

    written: str
    text: str


def outside(text: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern outside all brackets."""
    depth = place = 0
    for match in pattern.finditer(text):
        for character in text[place : match.start()]:
            depth += (character in "([{") - (character in ")]}")
        place = match.start()
        if depth == 0:
            yield match


def listed(lines: Sequence[str]) -> frozenset[int]:
    """Return the places of lines that begin with the dash of a list: two of them stand together."""
    dashed = [place for place, line in enumerate(lines) if _DASH.match(line.strip()) and "=" in line]
    filled = [place for place, line in enumerate(lines) if line.strip()]
    order = {place: number for number, place in enumerate(filled)}
    numbers = {order[place] for place in dashed}
    return frozenset(place for place in dashed if {order[place] - 1, order[place] + 1} & numbers)


def lead(text: str, is_name: Callable[[str], bool], in_list: bool = False) -> int:
    """Return how many characters of a line stand before its formula: a bullet, a number, words that lead on.

    Raises
    ------
    NotationError
        If ``(a)`` may be a number or a factor.
    """
    place = 0
    while True:
        rest = text[place:]
        match = _BULLET.match(rest) or (_DASH.match(rest) if in_list and place == 0 else None) or _LABEL.match(rest)
        if match is not None and match.re is _LABEL and (inside := match["inside"]):
            after = rest[match.end() :]
            if not (_LEFT.match(after) or _LEAD.match(after) or after.startswith("\\")):
                return place
            if is_name(inside):
                raise NotationError(
                    f"'({inside})' may be the mark of this line or a factor, since '{inside}' is a name",
                    hint=f"Write {inside}) before the line, or {inside}*... for the product.",
                )
        if match is None:
            match = _LEAD.match(rest)
            word = re.match(r"\w+", rest)
            if match is None or (word is not None and is_name(word[0])):
                match = _HEADING.match(rest)
                if match is None or not is_prose(match[1], is_name):
                    return place
        if not rest[match.end() :].strip() or re.match(r"=(?!=)|[-+*/]=", rest[match.end() :]):
            return place
        place += match.end()


# Words that may claim something of what follows them, and numbers as words.
_VERBS = frozenset((
    "is", "are", "be", "equals", "equal", "becomes", "become", "gives", "give", "vanishes", "vanish", "yields", "means",
    "simplifies", "reduces", "cancels",
))  # fmt: skip
_VALUES = frozenset(("zero", "one", "two", "half", "nothing"))
_PLAIN_WORDS = re.compile(r"""(?:[^\W_]|[-–—\s,.:;'’"&?!])+""")
_WRT = re.compile(r"\bw\.?\s*r\.?\s*t\b\.?", re.IGNORECASE)


def is_prose(text: str, is_name: Callable[[str], bool]) -> bool:
    """Return whether a line is a heading or a sentence: words and numbers alone, and nothing is said to be equal.

    ``Step 2 - the gradient of W`` is; ``dW is da`` and ``y - t`` are not, since a claim may be meant.
    """
    text = _WRT.sub("by", text)
    bare = re.sub(r"\(([^()]*)\)", r" \1 ", text)  # what stands in brackets, (b) or (chain rule)
    if not _PLAIN_WORDS.fullmatch(bare) or re.match(r"at\b", text, re.IGNORECASE):
        return False
    words = _WORD.findall(bare)
    strange = [word for word in words if len(word) > 2 and not is_name(word) and word.lower() not in _FUNCTIONS]
    strange = [word for word in strange if word.lower() not in GREEK.values() and word.lower() not in _VERBS]
    if not strange:
        return False
    for place, word in enumerate(words):
        said = words[place + 1 : place + 3] if word.lower() in _VERBS else []
        if any(is_name(one) or len(one) == 1 or one.lower() in (*_VALUES, *GREEK.values()) for one in said):
            return False
    return not re.search(rf"\b(?:{'|'.join(_VERBS)})\s+[-–]?\d", bare, re.IGNORECASE)


# Words before a claim on the same line, ``Output layer: dy = y - t``.
_HEADING = re.compile(r"([^=<>:\[\]*/+^@←]{3,80}):(?!=)\s*(?=\S)")

# How the left side of a claim begins.
_LEFT = re.compile(rf"[d∂]{_NAME}?(?:\[[^\]]*\])?\s*/|[DP]\(|{_NAME}\s*(?:\[[^\]]*\]\s*)?=")


def phrases(line: str, is_name: Callable[[str], bool], in_list: bool = False) -> Iterator[Phrase]:
    """Yield the claims of one line: what stands between ``;``, arrows and words that lead on.

    Parameters
    ----------
    line : str
    is_name : callable
        Whether a word means something in the formulas.
    in_list : bool
        Whether a dash before the line is that of a list.

    Raises
    ------
    NotationError
        If something may be a part of the formula, or a remark on it.
    """
    for piece in _pieces(line):
        if re.match(r"at\b(?!\s*[=\[])", piece):
            yield Phrase(piece, piece)
            continue
        start = lead(piece, is_name, in_list)
        yield Phrase(piece, plain_limits(piece[start:].strip(), is_name))


def _pieces(line: str) -> Iterator[str]:
    parts = [""]
    place = 0
    for match in outside(line, re.compile(";")):
        parts[-1] += line[place : match.start()]
        place = match.end()
        # at x = 1; w = 2 is one point
        goes_on = re.match(r"\s*at\b", parts[-1]) and _VALUE.fullmatch(line[place:].split(";")[0])
        parts += [] if goes_on else [""]
        parts[-1] += ", " if goes_on else ""
    parts[-1] += line[place:]
    for part in parts:
        yield from _claims(part.strip())


def _claims(part: str) -> Iterator[str]:
    """Yield what stands between arrows and words that lead on, as far as each of it claims something."""
    begin = 0
    for match in outside(part, _BETWEEN):
        before, after = part[begin : match.start()], part[match.end() :]
        if _says(before) and _says(after):
            yield before.strip().rstrip(",").rstrip()
            begin = match.end()
    rest = part[begin:].strip()
    if rest:
        yield rest


_EQUALS = re.compile(r"(?<![=<>!])=(?![=>])|<-|←")


def _says(text: str) -> bool:
    return any(True for _ in outside(text, _EQUALS))


def plain_limits(text: str, is_name: Callable[[str], bool]) -> str:
    """Return a claim without remarks behind it, and with what limits it said by ``for``, ``if`` and ``at``."""
    limits: list[str] = []
    conditions: list[str] = []
    points: list[str] = []

    def takes(words: str) -> bool:
        """Whether some words limit the claim; if so they are noted."""
        words = words.strip().rstrip(".,").strip()
        if re.match(r"(?:evaluated\s+)?at\s", words):
            points.append(re.sub(r"^(?:evaluated\s+)?at\s+", "", words))
        elif re.match(r"(?:if|when|where)\s", words):
            conditions.append(words.split(None, 1)[1])
        elif _EVERY.match(words):
            said = words[4:] if words.startswith("for ") else words.replace("∀", "all ", 1)
            (conditions if _COMPARED.search(said) else limits).append(said)
        elif all(_RANGE.fullmatch(piece) for piece in words.split(",")):
            limits.append(words)
        elif any(True for _ in outside(words, _COMPARED)) and not re.search(r"(?<![=<>!])=(?!=)", words):
            conditions.append(words)
        elif (same := _SAME.fullmatch(words)) and is_name(same[1]) and is_name(same[2]):
            conditions.append(f"{same[1]} == {same[2]}")
        elif all(_VALUE.fullmatch(piece) for piece in re.split(r",(?![^\[]*\])", words)):
            points.append(words)
        else:
            return False
        return True

    while True:
        text = text.rstrip(" \t,.;")
        reason = next((match for match in outside(text, _REASON) if _says(text[: match.start()])), None)
        if reason is not None and not is_name(re.sub(r"\W", "", reason[0].split("(")[0])):
            text = text[: reason.start()]
            continue
        bracket = _last_bracket(text)
        if bracket is not None and bracket > 0 and text[bracket - 1] in " \t,":
            inside, opening = text[bracket + 1 : -1], text[bracket]
            if opening == "(" and _says(text[:bracket]) and takes(inside):
                text = text[:bracket]
                continue
            if _NUMBER.fullmatch(inside) and opening == "(" and _says(text[:bracket]):
                if not re.search(r"\s{2}$|\t$", text[:bracket]) and inside.isdigit():
                    raise NotationError(
                        f"'({inside})' may be the number of this line or a factor",
                        hint=f"Write *{inside} for the factor; the number of a line stands before it.",
                    )
                text = text[:bracket]
                continue
            if _is_remark(inside, is_name):
                text = text[:bracket]
                continue
        tail = next(
            (match for match in outside(text, re.compile(r"[\s,](?:evaluated\s+)?at\s(?=[^=]*=)|[\s,]*∀"))
             if match.start() and _says(text[: match.start()]) and not is_name("at")),
            None,
        )  # fmt: skip
        if tail is not None and takes(text[tail.start() :].lstrip(" \t,")):
            text = text[: tail.start()]
            continue
        comma = [match.start() for match in outside(text, re.compile(","))]
        last = next((place for place in comma if _says(text[:place])), None)
        if last is not None and not re.search(r"[\s,](?:for|if|where|when|at)\s", text) and takes(text[last + 1 :]):
            text = text[:last]
            continue
        break
    for word, said in (("for", limits), ("if", conditions), ("at", points)):
        if said:
            joint = " and " if word == "if" else ", "
            text += f" {word} {joint.join(reversed(said))}"
    return text


def _last_bracket(text: str) -> int | None:
    """Return where the bracket opens that closes at the end of a text."""
    if not text.endswith((")", "]")):
        return None
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] in ")]}") - (text[place] in "([{")
        if depth == 0:
            return place
    return None


def _is_remark(inside: str, is_name: Callable[[str], bool]) -> bool:
    """Whether words in brackets are a remark: they are words alone, and not all of them names."""
    if not _PROSE.fullmatch(inside):
        return False
    words = _WORD.findall(inside)
    if not words or words[0].lower() in _REASONS:
        return bool(words)
    strange = [word for word in words if not is_name(word)]
    if len(words) == 1:
        return bool(strange) and (words[0].lower() in _REMARKS or words[0].lower() in _FUNCTIONS)
    return any(len(word) > 1 and word.lower() not in GREEK.values() for word in strange)


__all__ = ["ARROWS", "LEADING", "Phrase", "is_prose", "lead", "listed", "outside", "phrases", "plain_limits"]

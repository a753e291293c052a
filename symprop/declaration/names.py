"""Spellings: characters that only look different, Greek letters, decorated letters and subscripts.

Whatever is replaced one to one happens before reading (`plain`), so that places in the text stay what they are; what
becomes longer (``α`` is ``alpha``) happens to each name by itself (`spelled`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# In the order of their code points; the second sigma is the final one.
_ALPHABET = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau upsilon phi
chi psi omega
"""
_LOWER = tuple(re.findall("[a-z]+", _ALPHABET))
GREEK: dict[str, str] = {
    **{chr(0x3B1 + place): name for place, name in enumerate(_LOWER)},  # 0x3C2 is the final sigma
    **{chr(0x391 + place): name.capitalize() for place, name in enumerate(_LOWER) if place != 17},
    "ϵ": "epsilon",
    "ϑ": "theta",
    "ϕ": "phi",
    "ϖ": "pi",
    "ϱ": "rho",
    "ϰ": "kappa",
    "∑": "sum",
    "∏": "prod",
    "√": "sqrt",
    "∞": "inf",
    "ℓ": "ell",
}

# Combining marks over a single letter: ŷ is y_hat.
DECORATIONS = {"\u0302": "_hat", "\u0303": "_tilde", "\u0304": "_bar", "\u0305": "_bar", "\u0307": "_dot"}

_LOOKALIKES = {
    "−": "-",
    "–": "-",
    "‐": "-",
    "‑": "-",
    "·": "*",
    "⋅": "*",
    "×": "*",
    "∙": "*",
    "∗": "*",
    "÷": "/",
    "∕": "/",
    "⁄": "/",
    "′": "'",
    "’": "'",
}
_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def is_forbidden(character: str) -> bool:
    """Return whether a character may stand nowhere, comments included: what is seen must be what is read."""
    if character in "\t\n" or " " <= character < "\x7f":
        return False
    return character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def is_bidi(character: str) -> bool:
    """Return whether a character changes the direction in which its neighbours are shown."""
    return character in _BIDI


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    if unicodedata.category(character) == "Zs":
        return " "
    decomposition = unicodedata.decomposition(character)
    if not decomposition.startswith("<") or decomposition.startswith(("<super>", "<sub>")):
        return character  # superscripts and subscripts mean something
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


def plain(text: str) -> str:
    """Return `text` with every character that only looks different replaced by the plain one; its length stays."""
    if text.isascii():
        return text
    return text.translate({ord(character): _plain(character) for character in set(text) if character > "\x7f"})


def superscript(text: str) -> int:
    """Return the integer that superscript digits show."""
    return int(text.translate(_SUPERSCRIPTS))


@lru_cache(maxsize=4096)
def spelled(name: str) -> str:
    """Return a name as it is kept: Greek letters by name, ``x₁`` as ``x_1``, ``ŷ`` as ``y_hat``.

    Raises
    ------
    ValueError
        If a character cannot stand in a name; the message says which and why.
    """
    if name.isascii():
        return name
    parts: list[str] = []
    subscript = False
    for place, character in enumerate(unicodedata.normalize("NFD", name)):
        decomposition = unicodedata.decomposition(character)
        if decomposition.startswith("<super>"):
            raise ValueError(f"'{character}' is a superscript letter, which no name can hold")
        if decomposition.startswith("<sub>"):
            if not subscript and parts and parts[-1] != "_":
                parts.append("_")
            subscript = True
            parts.append(_letter(unicodedata.normalize("NFKC", character)))
            continue
        subscript = False
        # Only over a single letter is it a decoration: the tilde of "año" belongs to its letter.
        if place == 1 and character in DECORATIONS:
            parts.append(DECORATIONS[character])
        else:
            parts.append(_letter(character))
    result = unicodedata.normalize("NFKC", "".join(parts))
    if not result.isidentifier():
        raise ValueError(f"'{name}' is not a name: letters, digits and _ can stand in one")
    return result


def _letter(character: str) -> str:
    return GREEK.get(character, character)

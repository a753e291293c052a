r"""Formulas as published, read into the infix spelling: a golden list that was read by eye, line by line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent

sys.path.insert(0, str(Path(__file__).parent))
import latex_published

from symprop.declaration.latex import LatexLine, read_latex
from symprop.declaration.parser import parse

GOLDEN = Path(__file__).parent / "golden" / "latex_published.txt"


def readings() -> list[tuple[str, str, str, tuple[LatexLine, ...]]]:
    """Return network, source, formula and what was understood of it, for each row."""
    networks = {name: parse(dedent(text)) for name, text in latex_published.NETWORKS.items()}
    found = []
    for network, source, before, formula, _, _ in latex_published.PUBLISHED:
        count = len(read_latex(before, networks[network]).lines)
        lines = read_latex(f"{before}\n{formula}", networks[network]).lines
        found.append((network, source, formula, lines[count:]))
    return found


def test_published_formulas_are_read_as_the_golden_file_says() -> None:
    """After a change set REFRESH_GOLDEN=1, and read the file again, by eye."""
    blocks = []
    for network, source, formula, lines in readings():
        rows = [f"[{network}; {source}]  {formula}"]
        for line in lines:
            if line.error is None:
                rows.append(f"    {line.text}")
            else:
                rows.append(f"    refused: {line.error.message}; {line.error.hint}")
            rows.extend(f"        ({note})" for note in line.notes)
        blocks.append("\n".join(rows))
    text = "\n\n".join(blocks) + "\n"
    if os.environ.get("REFRESH_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_of_sixty_published_formulas_at_most_two_are_refused() -> None:
    rows = readings()
    refused = [formula for _, _, formula, lines in rows if not lines or any(line.error for line in lines)]
    assert len(rows) >= 60
    assert len(refused) <= 2, refused

"""Imports point one way: the stages of the package read only what comes before them."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "symprop"

# What each stage may read, besides itself, the exceptions and what arguments may be.  Judging reads no stage that
# makes code: it cannot inherit their faults.
MAY_READ = {
    "algebra": set(),
    "declaration": {"algebra"},
    "derivation": {"algebra", "declaration"},
    "lowering": {"algebra", "declaration", "derivation"},
    "rendering": {"algebra", "declaration", "derivation", "lowering"},
    "verification": {"algebra", "declaration", "derivation"},
    "runtime": {"algebra", "declaration", "derivation", "lowering", "rendering"},
}


@cache
def imported(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("stage", MAY_READ)
def test_a_stage_reads_only_earlier_ones(stage: str) -> None:
    files = list((PACKAGE / stage).rglob("*.py"))
    assert files
    allowed = {f"symprop.{name}" for name in (*MAY_READ[stage], stage, "arguments", "errors")}
    for path in files:
        own = {name for name in imported(path) if name.split(".")[0] == "symprop"}
        astray = {name for name in own if ".".join(name.split(".")[:2]) not in allowed}
        assert not astray, f"{path.relative_to(PACKAGE)} imports {', '.join(sorted(astray))}"


@pytest.mark.parametrize(
    ("library", "readers"),
    [
        ("numba", {"runtime"}),
        ("sympy", {"algebra", "declaration", "rendering"}),  # scalar templates; objects from and for sympy
        ("flint", {"verification"}),
        ("lark", {"declaration"}),
        ("jinja2", {"rendering"}),
        ("matplotlib", {"runtime"}),
    ],
)
def test_a_library_is_used_in_one_place(library: str, readers: set[str]) -> None:
    found = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert found == readers


def test_the_package_is_light_to_import() -> None:
    script = "import sys, symprop; print(sorted({'sympy', 'numba', 'numpy', 'lark', 'flint'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

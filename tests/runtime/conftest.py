"""What the tests of training share."""

from __future__ import annotations

from typing import Any

import pytest

from symprop.runtime import load


@pytest.fixture
def in_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train by the same functions without compiling them: that numba computes the same is a test of its own."""
    compiled = load.compile

    def plain(*arguments: Any, **options: Any) -> load.Functions:
        return compiled(*arguments, **{**options, "target": "numpy"})

    monkeypatch.setattr(load, "compile", plain)

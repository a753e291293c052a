"""The learning curve of a model file, and of lists in JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import symprop
from symprop.errors import OptionError
from symprop.runtime.plot import Record, learning_curve, record


def test_the_history_of_a_model_file_is_that_of_the_run(tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 20)
    net = "input x; target t; parameter w; y = w*x; J = -(y - t)**2; maximize J; predict y"
    run = symprop.fit(net, {"x": x, "t": 2 * x}, epochs=7, target="numpy", learning_rate=0.1)
    found = record(run.save(tmp_path / "line.npz"))
    assert found == Record(dict(run.history), "J (to maximize)", run.kept)
    assert len(found.curves["validation"]) == 7


def test_a_history_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"objective": [3, 2, 1], "note": "mine"}))
    assert record(path) == Record({"objective": [3, 2, 1]})


@pytest.mark.parametrize("content", ["[1, 2]", "{}", '{"objective": []}', '{"objective": ["a"]}', "no json"])
def test_a_file_without_a_history_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(content)
    with pytest.raises(OptionError, match=r"holds no history|cannot be read as JSON"):
        record(path)


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_written_in_the_form_of_its_ending(ending: str, start: bytes, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    drawn = Record({"objective": [3.0, 2.0, 1.0], "validation": [3.0, 2.5, 2.6]}, "L (to minimize)", 2)
    path = learning_curve(drawn, tmp_path / f"curve.{ending}")
    assert path.read_bytes().startswith(start)


def test_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"\.png, \.svg, \.pdf"):
        learning_curve(Record({"objective": [1.0]}), tmp_path / "curve.doc")


def test_without_matplotlib_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(OptionError, match=r"not installed\n  Install it: pip install 'symprop\[plot\]'"):
        learning_curve(Record({"objective": [1.0]}), tmp_path / "curve.png")

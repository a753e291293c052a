"""What a model file holds is what comes back, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from symprop.errors import OptionError
from symprop.runtime import model
from symprop.runtime.model import Model

EXAMPLE = Model(
    "input x; parameter w; L = (w*x)**2  # Größe",
    {"w": np.array(0.1), "V": np.array([[1.0, np.nextafter(1, 2)]]), "r": [np.arange(2.0), np.arange(3.0)]},
    {"D": 2},
    {"optimizer": "adam", "batch_size": None},
    {"objective": [1.0, 0.1]},
    {"columns": {"x": []}},
)


def test_everything_comes_back_bit_by_bit(tmp_path: Path) -> None:
    found = model.load(model.save(tmp_path / "m.npz", EXAMPLE))
    for name in ("network", "sizes", "options", "history", "preparation"):
        assert getattr(found, name) == getattr(EXAMPLE, name)
    assert list(found.parameters) == ["w", "V", "r"]
    assert found.parameters["w"].shape == ()
    assert found.parameters["V"].tobytes() == EXAMPLE.parameters["V"].tobytes()
    assert [part.tolist() for part in found.parameters["r"]] == [[0, 1], [0, 1, 2]]


def test_more_than_ten_ragged_parts_keep_their_order(tmp_path: Path) -> None:
    parts = [np.full(1, float(n)) for n in range(12)]
    found = model.load(model.save(tmp_path / "m.npz", Model("", {"w": parts})))
    assert [float(part[0]) for part in found.parameters["w"]] == list(range(12))


def test_the_name_of_the_file_is_kept_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    model.save(tmp_path / "heart.model", EXAMPLE)
    model.save(tmp_path / "heart.model", EXAMPLE)
    assert [path.name for path in tmp_path.iterdir()] == ["heart.model"]


def test_a_model_file_needs_no_pickle(tmp_path: Path) -> None:
    path = model.save(tmp_path / "m.npz", EXAMPLE)
    with np.load(path, allow_pickle=False) as file:
        assert json.loads(str(file["description"]))["format"] == model.FORMAT


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a model", b"\x93NUMPY\x01\x00"])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    path.write_bytes(content)
    with pytest.raises(OptionError, match="is not a model file"):
        model.load(path)


def test_arrays_of_another_origin_and_damaged_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", w=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", description=np.array({"format": model.FORMAT}, dtype=object))
    path = model.save(tmp_path / "m.npz", EXAMPLE)
    (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:-60])
    for name in ("other.npz", "pickled.npz", "cut.npz"):
        with pytest.raises(OptionError, match="is not a model file"):
            model.load(tmp_path / name)


def test_a_later_format_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", description=np.array(json.dumps({"format": "symprop model 9"})))
    with pytest.raises(OptionError, match="symprop model 9"):
        model.load(tmp_path / "m.npz")


def test_missing_files_and_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="there is no file"):
        model.load(tmp_path / "none.npz")
    with pytest.raises(OptionError, match="cannot be written"):
        model.save(tmp_path / "none" / "m.npz", EXAMPLE)
    with pytest.raises(OptionError):
        model.load(tmp_path)

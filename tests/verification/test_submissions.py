"""Folders of submissions: every file gets a row, and a hostile one costs only itself."""

from __future__ import annotations

import csv
import io
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from symprop.errors import OptionError
from symprop.verification.submissions import (
    COLUMNS,
    LARGEST_FILE,
    MEMORY_LIMIT,
    TIME_LIMIT,
    Row,
    check_folder,
    to_csv,
    to_html,
)

NETWORK = """
index i = 1..D
input x[i]
target t
parameter w[i]
y = sum(i, w[i]*x[i])
L = (y - t)**2/2
"""
# Each line takes a while, and there are many.
ENDLESS = "\n".join(f"dL/dw[i] = (y - t)*x[i] + sin({n}*exp(x[i]**3))*cos(y - {n})*y" for n in range(1, 4000))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    folder = tmp_path_factory.mktemp("submissions")
    (folder / "right.txt").write_text("dL/dy = y - t\ndL/dw[i] = D(L, y)*x[i]\n")
    (folder / "wrong.txt").write_text("dL/dy = t - y\ndL/dw[i] = D(L, y)*x[i]\n")
    (folder / "half.txt").write_text("dL/dy = y - t\nthis is no claim =\n")
    (folder / "latex.tex").write_text(r"\begin{align} \frac{\partial L}{\partial w_i} &= (y - t) x_i \end{align}")
    (folder / "bytes.txt").write_bytes(b"\xff\xfe\x00dL/dy")
    (folder / "nul.txt").write_bytes(b"dL/dy = y - t\x00\ndL/dy = y - t\n")
    with (folder / "large.txt").open("wb") as large:
        large.truncate(LARGEST_FILE + 1)
    (folder / "empty.txt").write_text("")
    (folder / "dangling.txt").symlink_to(folder / "nothing")
    (folder / ".hidden").write_text("dL/dy = y")
    (folder / "inner").mkdir()
    seen: list[Row] = []
    found = check_folder(NETWORK, folder, processes=2, report=seen.append)
    assert sorted(row.file for row in seen) == [row.file for row in found]
    return {row.file: row for row in found}


def test_files_are_judged_in_the_order_of_their_names(rows: dict[str, Row]) -> None:
    names = ["bytes.txt", "empty.txt", "half.txt", "large.txt", "latex.tex", "nul.txt", "right.txt", "wrong.txt"]
    assert list(rows) == names


def test_a_right_file_has_full_score(rows: dict[str, Row]) -> None:
    row = rows["right.txt"]
    assert row.verdict in ("proved", "agrees")
    assert (row.first_wrong, row.slip, row.score, row.lines, row.right) == (None, "", 1.0, 2, 2)
    assert rows["latex.tex"].verdict in ("proved", "agrees")


def test_a_wrong_file_has_its_first_wrong_line_its_slip_and_what_follows(rows: dict[str, Row]) -> None:
    row = rows["wrong.txt"]
    assert (row.verdict, row.first_wrong, row.slip, row.lines) == ("refuted", 1, "sign", 2)
    assert row.score is not None
    assert row.score >= 0.5  # the second line follows


@pytest.mark.parametrize(
    ("file", "message"), [("bytes.txt", "not UTF-8"), ("large.txt", f"has {LARGEST_FILE + 1} bytes")]
)
def test_what_is_no_text_is_unreadable(rows: dict[str, Row], file: str, message: str) -> None:
    assert rows[file].verdict == "unreadable"
    assert message in rows[file].message


def test_a_line_that_cannot_be_read_lowers_the_score_of_its_file_only(rows: dict[str, Row]) -> None:
    for file in ("half.txt", "nul.txt"):
        assert rows[file].score == 0.5
        assert rows[file].right == 1


def test_an_empty_file_has_no_score(rows: dict[str, Row]) -> None:
    assert (rows["empty.txt"].verdict, rows["empty.txt"].score, rows["empty.txt"].lines) == ("unreadable", None, 0)


def test_a_file_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "endless.txt").write_text(ENDLESS)
    started = time.monotonic()
    (row,) = check_folder(NETWORK, tmp_path, time_limit=1.5)
    assert row.verdict == "out of time"
    assert "1.5 s" in row.message
    assert time.monotonic() - started < 15  # a busy machine takes a while to stop it


def test_a_file_that_takes_all_memory_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "right.txt").write_text("dL/dy = y - t")
    (row,) = check_folder(NETWORK, tmp_path, memory_limit=40 * 1024**2)
    assert row.verdict in ("out of memory", "failed")


@pytest.mark.slow
def test_one_endless_file_does_not_keep_others_from_their_verdict(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(ENDLESS)
    for name in "bcd":
        (tmp_path / f"{name}.txt").write_text("dL/dy = y - t")
    rows = check_folder(NETWORK, tmp_path, processes=1, time_limit=15)
    assert [row.verdict for row in rows] == ["out of time", "proved", "proved", "proved"]


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no file"):
        check_folder(NETWORK, tmp_path)
    with pytest.raises(OptionError, match="cannot be read"):
        check_folder(NETWORK, tmp_path / "nothing")


def test_the_limits_are_stated() -> None:
    assert TIME_LIMIT == 60
    assert MEMORY_LIMIT == 2 * 1024**3


HOSTILE = (
    Row("=cmd|' /C calc'!A0", "refuted", 3, "sign", 0.5, 2, 1, 'line 3, "quoted",\nand <script>alert(1)</script>'),
    Row("+1.txt", "proved", None, "", 1.0, 1, 1, "@SUM(A1)"),
)


def test_a_table_reads_back_and_no_cell_is_a_formula() -> None:
    head, first, second = csv.reader(io.StringIO(to_csv(HOSTILE)))
    assert tuple(head) == COLUMNS
    assert first[0] == "'=cmd|' /C calc'!A0"
    assert first[1:7] == ["refuted", "3", "sign", "0.50", "2", "1"]
    assert first[7] == HOSTILE[0].message
    assert second[0] == "'+1.txt"
    assert second[7] == "'@SUM(A1)"


def test_html_shows_every_row_and_runs_nothing() -> None:
    tags: list[str] = []
    texts: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed(to_html(HOSTILE))
    assert tags.count("tr") == 1 + len(HOSTILE)
    assert "script" not in tags
    assert HOSTILE[0].message in texts

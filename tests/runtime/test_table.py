"""Columns of a table become numbers in a stated way, and what cannot be used is said."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from symprop.errors import TableError
from symprop.runtime import table as tables
from symprop.runtime.table import Preparation, Slot, Table

HEART = Path(__file__).parents[2] / "examples" / "data" / "heart.csv"

MIXED = """\
id,age,sex,pain,ill
a,10,m,none,No
b,20,f,sharp,Yes
c,30,f,dull,Yes
d,40,m,none,No
"""


def table_of(text: str, tmp_path: Path, name: str = "data.csv") -> Table:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return tables.read(path)


def prepared(table: Table, slots: list[Slot], training: list[int] | None = None, **choice: object) -> Preparation:
    assignment, left_out = tables.assign(table, slots, **choice)  # type: ignore[arg-type]
    rows, _ = table.complete([name for names in assignment.values() for name in names])
    return tables.prepare(table, slots, assignment, training or rows, rows, left_out)


X, T = Slot("x", "input", (None,)), Slot("t", "target")


def test_numbers_are_standardised_by_the_training_rows(tmp_path: Path) -> None:
    table = table_of("a,t\n1,0\n3,1\n100,0\n", tmp_path)
    arrays, kept, complaints = prepared(table, [X, T], training=[0, 1]).encode(table, range(3))
    # Mean 2 and population standard deviation 1 of the rows 1 and 3.
    assert arrays["x"].tolist() == [[-1.0], [1.0], [98.0]]
    assert kept == [0, 1, 2]
    assert complaints == {}


def test_categories_are_counted_from_a_reference_and_two_levels_are_one_column(tmp_path: Path) -> None:
    table = table_of(MIXED, tmp_path)
    preparation = prepared(table, [X, T], columns={"x": ["sex", "pain"]})
    arrays, _, _ = preparation.encode(table, range(4))
    # sex: f is the reference; pain: dull is the reference, then none and sharp.
    assert arrays["x"].tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0]]
    assert arrays["t"].tolist() == [0, 1, 1, 0]
    assert preparation.columns["t"][0].levels == ("No", "Yes")


def test_a_constant_column_stays_as_it_is(tmp_path: Path) -> None:
    table = table_of("one,t\n7,0\n7,1\n", tmp_path)
    assert prepared(table, [X, T]).encode(table, [0, 1])[0]["x"].tolist() == [[7.0], [7.0]]


def test_the_heart_table_agrees_with_scikit_learn() -> None:
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = tables.read(HEART)
    preparation = prepared(table, [X, T])
    rows, lacking = table.complete(preparation.names("input", "target"))
    assert len(rows) == 297
    assert lacking == {"Ca": 4, "Thal": 2}
    arrays, _, _ = preparation.encode(table, rows)

    with HEART.open(newline="") as file:
        records = [record for record in csv.DictReader(file) if all(record.values())]
    expected = []
    for name in list(records[0])[:-1]:
        column = np.array([[record[name]] for record in records])
        if name in ("ChestPain", "Thal"):
            expected.append(OneHotEncoder(drop="first", sparse_output=False).fit_transform(column))
        else:
            expected.append(StandardScaler().fit_transform(column.astype(float)))
    # Two ways to add 297 numbers differ by a few units in the last place.
    np.testing.assert_allclose(arrays["x"], np.hstack(expected), rtol=0, atol=1e-12)
    assert arrays["t"].tolist() == [float(record["AHD"] == "Yes") for record in records]


def test_rows_with_missing_values_are_found_by_the_columns_that_are_used(tmp_path: Path) -> None:
    table = table_of("a,b,t\n1,,0\n2,NA,1\n?,3,0\n4,5,1\n", tmp_path)
    assert table.complete(["a", "t"]) == ([0, 1, 3], {"a": 1})
    assert table.complete(["a", "b", "t"]) == ([3], {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        (Slot("t", "target", (None,)), [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]),
        (Slot("t", "target", integer=True), [0, 1, 2, 0]),
    ],
    ids=["one-hot with an axis", "numbered if it indexes"],
)
def test_classes_of_a_target(slot: Slot, expected: list[object], tmp_path: Path) -> None:
    table = table_of("a,kind\n1,setosa\n2,versicolor\n3,virginica\n4,setosa\n", tmp_path)
    assert prepared(table, [X, slot]).encode(table, range(4))[0]["t"].tolist() == expected


@pytest.mark.parametrize(
    ("slot", "texts", "expected"),
    [
        (T, ["2.5", "1e3"], [2.5, 1000.0]),  # a regression keeps its units
        (T, ["1", "0"], [1, 0]),
        (Slot("t", "target", members=(-1.0, 1.0)), ["M", "B"], [1, -1]),
        (Slot("t", "target", members=(-1.0, 1.0)), ["0", "1"], [-1, 1]),
        (Slot("t", "target", members=(-1.0, 1.0)), ["1", "-1"], [1, -1]),
        (Slot("t", "target", probability=True), ["2", "1"], [1, 0]),
        (Slot("t", "target", probability=True), ["0.25", "0.5"], [0.25, 0.5]),
        (Slot("t", "target", (1,)), ["2.5", "1e3"], [[2.5], [1000.0]]),
    ],
)
def test_targets_without_an_axis(slot: Slot, texts: list[str], expected: list[float], tmp_path: Path) -> None:
    table = table_of("a,t\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts)), tmp_path)
    assert prepared(table, [X, slot]).encode(table, range(2))[0]["t"].tolist() == expected


def test_numeric_levels_are_ordered_by_value_and_equal_numbers_are_one_level() -> None:
    assert tables.levels_of(["10", "2", "2.0", "1e1"]) == ("2", "10")


def test_the_target_is_the_named_column_else_its_own_name_else_the_last(tmp_path: Path) -> None:
    table = table_of("t,a,b\n0,1,2\n1,2,3\n", tmp_path)
    assert tables.assign(table, [X, T], target="b")[0] == {"x": ["t", "a"], "t": ["b"]}
    assert tables.assign(table, [X, T])[0] == {"x": ["a", "b"], "t": ["t"]}
    assert tables.assign(table, [X, Slot("y", "target")])[0] == {"x": ["t", "a"], "y": ["b"]}


def test_scalar_inputs_take_the_columns_that_are_called_like_them(tmp_path: Path) -> None:
    table = table_of("u,v,t\n1,2,0\n3,4,1\n", tmp_path)
    slots = [Slot("v", "input"), Slot("u", "input"), T]
    assert tables.assign(table, slots)[0] == {"v": ["v"], "u": ["u"], "t": ["t"]}


def test_a_text_column_that_names_rows_is_left_out_and_said(tmp_path: Path) -> None:
    rows = "".join(f"car {n},{n % 7},{n % 2}\n" for n in range(30))
    table = table_of("name,a,t\n" + rows, tmp_path)
    assignment, left_out = tables.assign(table, [X, T])
    assert assignment["x"] == ["a"]
    assert left_out == {"name": "30 different texts in 30 rows (such as 'car 0') name rows, not categories"}
    assert tables.assign(table, [X, T], columns={"x": ["name"]})[0]["x"] == ["name"]


def test_components_that_the_network_fixes_are_not_taken_from_columns() -> None:
    features = np.array([[1.0, 2.0], [3.0, 4.0]])
    first, last = Slot("x", "input", (None,), fixed={0: 1.0}), Slot("x", "input", (3,), fixed={-1: 9.0})
    assert first.arrange(features).tolist() == [[1, 1, 2], [1, 3, 4]]
    assert last.arrange(features).tolist() == [[1, 2, 9], [3, 4, 9]]


def test_columns_fill_several_axes_row_by_row() -> None:
    features = np.arange(12.0).reshape(1, 12)
    assert Slot("x", "input", (3, None)).arrange(features).shape == (1, 3, 4)
    assert Slot("x", "input", (3, 4)).arrange(features)[0, 1, 0] == 4.0
    with pytest.raises(TableError, match="x has 5 components, but 12 columns"):
        Slot("x", "input", (5,)).arrange(features)
    with pytest.raises(TableError, match="x is one number, but 12 columns"):
        Slot("x", "input").arrange(features)


def test_what_a_new_table_lacks_is_said_row_by_row(tmp_path: Path) -> None:
    preparation = prepared(table_of(MIXED, tmp_path), [X, T], columns={"x": ["age", "pain"]})
    new = table_of("pain,age\nnone,25\nitchy,25\nnone,\ndull,old\n", tmp_path, "new.csv")
    arrays, kept, complaints = preparation.encode(new, range(4), roles=["input"])
    assert kept == [0]
    assert arrays["x"].tolist() == [[0.0, 1.0, 0.0]]
    assert complaints == {
        1: "pain has the unknown category 'itchy'",
        2: "age is missing",
        3: "age has 'old', which is not a number",
    }


def test_a_preparation_survives_json(tmp_path: Path) -> None:
    table = table_of(MIXED, tmp_path)
    slots = [Slot("x", "input", (None,), fixed={0: 1.0}), Slot("t", "target", members=(-1.0, 1.0))]
    preparation = prepared(table, slots)
    assert Preparation.from_dict(json.loads(json.dumps(preparation.as_dict()))) == preparation


def test_compressed_tables_other_delimiters_quotes_and_blank_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbfa; b\r\n1;"x;y"\r\n\r\n 2 ;z\r\n'))
    table = tables.read(path)
    assert dict(table.columns) == {"a": ("1", "2"), "b": ("x;y", "z")}
    assert table.lines == (2, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.csv is empty"),
        (b"a,b\n", "no rows below"),
        (b"a,a\n1,2\n", "2 columns called 'a'"),
        (b"a,\n1,2\n", "a column without a name"),
        (b"a,b\n1,2\n3\n", "line 3, has 1 values; the first line names 2 columns"),
        (b"a,b\n1,\xe9\n", "line 2, is not UTF-8"),
        (b'a,b\n1,"2\n', "is not CSV"),
        (b"\x1f\x8bnonsense", "is damaged"),
        (b"PK\0\0", "is not a text"),
        (b"1,2\n3,4\n", "the first line of data.csv holds numbers, and no names"),
        (b"a\n" + b"9" * 200_000, "is not CSV"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=message):
        tables.read(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="there is no file"):
        tables.read(tmp_path / "none.csv")
    with pytest.raises(TableError, match="cannot be read"):
        tables.read(tmp_path)


@pytest.mark.parametrize(
    ("slots", "choice", "message"),
    [
        ([X, T], {"target": "il"}, "no column 'il'\n  Did you mean 'ill'"),
        ([X, T], {"columns": {"z": ["age"]}}, "no input or target 'z'"),
        ([X, T], {"columns": {"x": ["aeg"]}}, "Did you mean 'age'"),
        ([Slot("u", "input"), Slot("v", "input"), T], {}, "not clear which columns the inputs u, v"),
        ([X], {"target": "ill"}, "no target"),
        ([X, T], {"target": "pain"}, "3 different values .* do not fit the target t"),
        ([X, Slot("t", "target", probability=True)], {"target": "age"}, "a probability is predicted"),
        ([Slot("x", "input", integer=True), T], {"columns": {"x": ["pain"]}}, "line 2: column 'pain' has 'none'"),
    ],
)
def test_choices_that_do_not_fit_are_refused(
    slots: list[Slot], choice: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(TableError, match=f"(?s){message}"):
        prepared(table_of(MIXED, tmp_path), slots, **choice)


AGES = ["age", *map(str, range(20, 50))]


def with_cells(column: list[str], *cells: str) -> str:
    return "\n".join(f"{cell};{number % 2}" for number, cell in enumerate([*column, *cells])).replace(";0", ";t", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_cells(AGES, "abc"), "data.csv, line 32, column age: 'abc' is not a number\n  The other 30 cells"),
        (with_cells(AGES, "inf"), "'inf' is not a number"),
        (with_cells(AGES, "old", "old", "older"), "line 32, column age: 'old' is not a number"),
        (with_cells(["age", "1", "2", "3", "4", "x"]), "line 6, column age: 'x' is not a number"),
        (with_cells(["age", "1,234", "5,678"]), "column age: '1,234' is not a number\n  Write numbers with a decimal"),
        (with_cells(["age", "1.234,5", "2.345,6"]), "Write numbers with a decimal point"),
        ("a,t\n1,Yes\n2,Yes\n", "column 't' of data.csv has only the value Yes"),
        ("a,t\n1,\n2,\n", "no complete rows to train with: column 't' has no values"),
    ],
)
def test_a_cell_that_is_no_number_is_shown(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        prepared(table_of(text, tmp_path), [X, T])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("column", "levels"),
    [
        (["n", *"0120120120", "3+", "3+", "3+"], ("0", "1", "2", "3+")),  # a frequent text among few numbers is a level
        (["n", *"ababab"], ("a", "b")),
        (["n", "0,5", "1", "2,25"], ()),
    ],
)
def test_levels_and_decimal_commas_are_told_apart_from_slips(
    column: list[str], levels: tuple[str, ...], tmp_path: Path
) -> None:
    table = table_of(with_cells(column), tmp_path)
    assert prepared(table, [X, T]).columns["x"][0].levels == levels
    if not levels:
        assert table.columns["n"] == ("0.5", "1", "2.25")


def test_a_column_that_counts_the_rows_is_left_out(tmp_path: Path) -> None:
    table = table_of("id,year,t\n1,1990,0\n2,1991,1\n3,1992,0\n", tmp_path)
    assert prepared(table, [X, T]).left_out == {"id": "it numbers the rows"}


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGEST_FILE", 10_000)
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"1\n" * 10_000))
    with pytest.raises(TableError, match="is larger than"):
        tables.read(path)


def test_a_measured_target_is_not_read_as_classes(tmp_path: Path) -> None:
    table = table_of("a,t\n1,0.5\n2,1.5\n", tmp_path)
    with pytest.raises(TableError, match="would be a class"):
        prepared(table, [X, Slot("t", "target", (None,))])

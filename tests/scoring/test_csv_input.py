from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.errors import DataError
from heartapp.inference.columns import read_cell
from heartapp.inference.delimiters import DELIMITERS
from heartapp.scoring import csv_input
from heartapp.scoring.columns import DECIMAL_COMMA
from heartapp.scoring.csv_input import CsvChunk, CsvFormat, read_chunks, read_format

if TYPE_CHECKING:
    from collections.abc import Iterable

cells = st.text('0123456789.,;"\n ax\u00fc', max_size=4) | st.integers(0, 99).map(str)
tables = st.integers(2, 4).flatmap(
    lambda columns: st.lists(st.lists(cells, min_size=columns, max_size=columns), max_size=6)
)


def read(content: bytes, delimiter: str = ",") -> tuple[CsvFormat, list[CsvChunk]]:
    stream = io.BytesIO(content)
    form, pending = read_format(stream, delimiter, "x.csv")
    return form, [*read_chunks(stream, form, pending)]


def lines(chunks: Iterable[CsvChunk]) -> list[bytes]:
    return [line for chunk in chunks for line in chunk.records.lines(np.arange(chunk.rows)).cast("binary").to_pylist()]


def read_values(content: bytes, delimiter: str) -> None:
    for chunk in read(content, delimiter)[1]:
        chunk.values([0])


def complaint(content: bytes, delimiter: str = ",") -> str:
    with pytest.raises(DataError) as caught:
        read_values(content, delimiter)
    return str(caught.value)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a few bytes, so that everything is cut everywhere."""
    monkeypatch.setattr(csv_input, "CHUNK_BYTES", 12)
    monkeypatch.setattr(csv_input, "LONGEST_RECORD", 100)


# the header


def test_the_header_tells_names_bytes_and_line_ends() -> None:
    form, _ = read(b'age,"serum ""creatinine""",\xc3\xbc\r\n1,2,3\r\n')
    assert form.names == ("age", 'serum "creatinine"', "ü")
    assert form.header == b'age,"serum ""creatinine""",\xc3\xbc'
    assert form.line_end == b"\r\n"
    assert form.schema.names == list(form.names)


def test_a_byte_order_mark_is_left_out() -> None:
    form, chunks = read(b"\xef\xbb\xbfage,sex\n1,2\n")
    assert (form.names, form.header, lines(chunks)) == (("age", "sex"), b"age,sex", [b"1,2"])


def test_a_header_may_stand_alone() -> None:
    for content in (b"age,sex", b"age,sex\n", b"age,sex\r\n"):
        form, chunks = read(content)
        assert (form.names, chunks) == (("age", "sex"), [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv is empty; it needs a header"),
        (b"\n1,2\n", "x.csv is empty; it needs a header"),
        ("age,sex\n1,2\n".encode("utf-16"), "x.csv is not text in UTF-8; save it as CSV in UTF-8"),
        ("age,sex\n1,2\n".encode("utf-16-le"), "x.csv is not text in UTF-8"),
        (b"PAR1\0\0", "x.csv is not text in UTF-8"),
        (b"age,gr\xf6sse\n1,2\n", "x.csv: the header is not UTF-8"),
        (b"age,sex\r1,2\r", "x.csv: its lines end in a carriage return alone"),
        (b"age;sex\n1;2\n", "x.csv: its header is a single column; name the delimiter: --delimiter semicolon"),
        (b"age\tsex\n1\t2\n", "--delimiter tab"),
        (b"age|sex\n1|2\n", "--delimiter pipe"),
        (b"a" * 200_000 + b",b\n", "x.csv: the header cannot be read: field larger than field limit"),
        (b"a,b" * 700_000, "x.csv: its first line has no end"),
    ],
)
def test_what_has_no_readable_header_is_told_with_the_remedy(content: bytes, message: str) -> None:
    assert message in complaint(content)


def test_another_delimiter_than_a_comma_is_seen_too() -> None:
    assert "--delimiter comma" in complaint(b"age,sex\n1,2\n", ";")


# records


def test_records_come_out_as_they_came_in() -> None:
    content = b'a,b\r\n 1 ,"x\r\ny"\r\n"2",\xff\n\r\n\n3,'
    assert lines(read(content)[1]) == [b' 1 ,"x\r\ny"', b'"2",\xff', b"3,"]


@pytest.mark.usefixtures("small_chunks")
def test_chunks_number_their_rows_without_header_and_empty_lines() -> None:
    rows = [b"%d,x" % number for number in range(40)]
    _, chunks = read(b"a,b\n" + b"\n\n".join(rows))
    assert lines(chunks) == rows
    assert [chunk.first for chunk in chunks] == [
        1 + sum(one.rows for one in chunks[:index]) for index in range(len(chunks))
    ]
    assert len(chunks) > 10
    assert sum(chunk.size for chunk in chunks) == len(b"\n\n".join(rows) + b"\n")


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("rest", [b"", b"a,b\n" * 40])
def test_a_quote_that_is_never_closed_is_told_after_which_row(rest: bytes) -> None:
    assert complaint(b'a,b\n1,2\n3,"4\n' + rest).startswith("x.csv, row 2 or after: a quote is opened and never closed")


def test_an_unreadable_file_is_told() -> None:
    class Broken(io.BytesIO):
        def read(self, _: int | None = None) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match=r"^x\.csv cannot be read: Input/output error$"):
        read_format(Broken(), ",", "x.csv")


# values


def test_values_stand_in_the_order_asked_for_and_what_is_absent_is_missing() -> None:
    _, (chunk,) = read(b"a,b,c\n1,,2.5\n3,nan,x\n")
    values, faults = chunk.values([2, None, 0, 1])
    np.testing.assert_array_equal(values, [[2.5, math.nan, 1, math.nan], [math.inf, math.nan, 3, math.inf]])
    assert faults == []


def test_rows_of_another_length_than_the_header_are_faulty_and_the_others_are_not() -> None:
    _, (chunk,) = read(b"a,b\n1,2\n3\n4,5,6\n\n7,8\n")
    values, faults = chunk.values([0])
    np.testing.assert_array_equal(values[:, 0], [1, math.nan, math.nan, 7])
    assert [(fault.row, fault.field, fault.message) for fault in faults] == [
        (1, "", "has 1 cell, the header has 2"),
        (2, "", "has 3 cells, the header has 2"),
    ]
    assert chunk.batch(np.array([3])).to_pylist() == [{"a": "7", "b": "8"}]


@pytest.mark.parametrize("chunk", [12, 1_000])
def test_a_stray_quote_is_told_with_its_row_and_swallows_no_patient(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(csv_input, "CHUNK_BYTES", chunk)
    told = "a quoted cell goes on behind the quote that closes it; remove the stray quote, or write two"
    assert complaint(b'a,b\n1,2\n"open,50\n"second",60\nthird,70\n').startswith(f"x.csv, row 2: {told}")
    assert complaint(b'a,b\n1,2\n3,4\n"5"6,7').startswith(f"x.csv, row 3: {told}")
    assert complaint(b'a,"b\n"1",2\n').startswith("x.csv: the header cannot be read: ',' expected after '\"'")


def test_a_carriage_return_inside_a_cell_is_told_and_no_value_with_it() -> None:
    message = complaint(b"a,b\n1,2\n3,x\ry\n")
    assert message.startswith("x.csv, row 1 to 2: they cannot be told apart; look for a carriage return inside a cell")


@given(tables, st.sampled_from([*DELIMITERS.values()]))
def test_any_table_is_read_as_python_wrote_it(rows: list[list[str]], delimiter: str) -> None:
    columns = len(rows[0]) if rows else 2
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([[f"c{index}" for index in range(columns)], *rows])
    _, chunks = read(text.getvalue().encode(), delimiter)
    # A row of one empty cell would be an empty line, which is why there are two columns at least.
    for chunk in chunks:
        values, faults = chunk.values(range(columns))
        assert faults == []
        assert chunk.batch(np.arange(chunk.rows)).to_pylist() == [
            {f"c{index}": cell for index, cell in enumerate(row)} for row in rows
        ]
        for row, found in zip(rows, values, strict=True):
            wanted = [read_cell(cell.encode()) for cell in row]
            np.testing.assert_array_equal(np.abs(np.where(found == DECIMAL_COMMA, np.inf, found)), np.abs(wanted))
    assert sum(chunk.rows for chunk in chunks) == len(rows)


def test_text_that_is_not_utf_8_cannot_become_parquet() -> None:
    _, (chunk,) = read(b"a,b\n1,\xff\n")
    with pytest.raises(
        DataError, match=r"^x\.csv, row 1 to 1: they are not UTF-8, which Parquet demands; .* write CSV$"
    ):
        chunk.batch(np.array([0]))

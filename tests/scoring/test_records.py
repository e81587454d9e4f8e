from __future__ import annotations

import csv
import io

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from heartapp.scoring.records import split_records

pieces = st.lists(st.sampled_from(['"', '""', ",", "\n", "\r\n", "a", "ß", '"a"', ',"', '",']), max_size=25)


def records(text: str, delimiter: str = ",") -> tuple[list[str], str]:
    """The whole records of a text, and the rest of it."""
    found, rest = split_records(text.encode(), delimiter)
    lines = found.lines(np.arange(len(found))).to_pylist()
    assert lines == [found.text[start:stop].decode() for start, stop in zip(found.starts, found.stops, strict=True)]
    assert found.text + rest == text.encode()
    return lines, rest.decode()


def test_records_end_at_line_feeds_and_what_is_not_ended_is_left() -> None:
    assert records("a,b\r\nc,d\n\n\r\ne") == (["a,b", "c,d"], "e")
    assert records("") == ([], "")
    assert records("a") == ([], "a")


def test_a_line_feed_in_a_quoted_cell_ends_no_record() -> None:
    assert records('a,"b\nc"\n"d""\n",e\n"f\n') == (['a,"b\nc"', '"d""\n",e'], '"f\n')


def test_a_quote_within_an_unquoted_cell_is_a_letter() -> None:
    assert records('5\'10",x\n"y\nz",5"\n5"6\n') == (["5'10\",x", '"y\nz",5"', '5"6'], "")
    assert records('a"\nb\n') == (['a"', "b"], "")


def test_the_delimiter_tells_where_cells_start() -> None:
    assert records('a;"b\nc"\n', ";") == (['a;"b\nc"'], "")
    assert records('a,"b\nc"\n', ";") == (['a,"b', 'c"'], "")
    assert records('a|"b\nc"\n', "|") == (['a|"b\nc"'], "")
    assert records('a\t"b\nc"\nd"\n', "\t") == (['a\t"b\nc"', 'd"'], "")


def test_a_long_cell_that_is_never_closed_is_told_from_a_record_at_once() -> None:
    text = 'x"\n"' + "a,\n" * 300_000
    assert records(text) == (['x"'], text[3:])


@given(pieces)
@example(['"', "\n", '"', '"', "\n"])
@example(["a", '"', "\n", '"', "a"])
def test_records_are_those_of_pythons_csv_module(pieces: list[str]) -> None:
    text = "".join(pieces)
    lines, _ = records(text)
    parsed = [row for row in csv.reader(io.StringIO(text + "\n", newline="")) if row]

    assert [next(csv.reader(io.StringIO(line, newline=""))) for line in lines] == parsed[: len(lines)]


@given(pieces)
def test_cutting_a_text_anywhere_changes_no_record(pieces: list[str]) -> None:
    text = "".join(pieces).encode() + b"\n"
    whole, rest = split_records(text, ",")
    lines, pending = [], b""
    for start in range(0, len(text), 5):
        part, pending = split_records(pending + text[start : start + 5], ",")
        lines += part.lines(np.arange(len(part))).cast("binary").to_pylist()

    assert (lines, pending) == (whole.lines(np.arange(len(whole))).cast("binary").to_pylist(), rest)

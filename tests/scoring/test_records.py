from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heartapp.scoring.records import StrayQuoteError, split_records

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


def parse(text: str) -> tuple[list[list[str]], str]:
    """The rows that Python's csv module finds in a text, and what it complains of behind them."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            rows += [row] * bool(row)
    except csv.Error as error:
        return rows, str(error)
    return rows, ""


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ('"open,50\n"second",60\n', 0),
        ('a\n\n"b"\n"open,50\n"second",60\n', 2),
        ('a,"b"c\n', 0),
        ('a\n"b" ,c\n', 1),
        ('5"\n"b"c\n"open', 1),
    ],
)
def test_a_cell_that_goes_on_behind_its_closing_quote_is_told_with_its_record(text: str, before: int) -> None:
    with pytest.raises(StrayQuoteError) as caught:
        records(text)
    assert caught.value.before == before


def test_a_quote_at_the_end_of_what_was_read_may_yet_be_doubled() -> None:
    assert records('a\n"b"') == (["a"], '"b"')
    assert records('5"\n"open') == (['5"'], '"open')


@given(pieces)
@example(['"', "\n", '"', '"', "\n"])
@example(["a", '"', "\n", '"', "a"])
def test_records_are_those_of_pythons_csv_module(pieces: list[str]) -> None:
    text = "".join(pieces)
    parsed, complaint = parse(text + "\n")
    if "expected after" in complaint:
        with pytest.raises(StrayQuoteError) as caught:
            records(text)
        assert caught.value.before == len(parsed)
        return
    lines, _ = records(text)
    assert [next(csv.reader(io.StringIO(line, newline=""))) for line in lines] == parsed[: len(lines)]


def read_in_parts(text: bytes, size: int) -> tuple[int, bytes | None]:
    """How many records a text has that is read in parts, and what follows them; None where a stray quote does."""
    found, pending = 0, b""
    for start in range(0, len(text), size):
        try:
            part, pending = split_records(pending + text[start : start + size], ",")
        except StrayQuoteError as error:
            return found + error.before, None
        found += len(part)
    return found, pending


@given(pieces)
def test_cutting_a_text_anywhere_changes_no_record(pieces: list[str]) -> None:
    text = "".join(pieces).encode() + b"\n"
    assert read_in_parts(text, 5) == read_in_parts(text, len(text))

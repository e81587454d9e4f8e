import csv
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.errors import DataError
from heartapp.tables.csv_lines import find_bad_lines, split_header, split_line

GOOD = ["1,2,3", '"1","2","3"', '1,"a, b",3', '1,"say ""hi""",3', '"",1,""', '5" tube,6",x', '"a\rb",2', "", '""""']
BAD = ['1,"2,3', '1,"2"x,3', '"1""', '"60"1,2', "1,\r,2", '"a"b"c"']


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_lines_that_are_not_csv_are_found(end: str) -> None:
    lines = [*GOOD, *BAD, *GOOD, BAD[0]]
    bad = find_bad_lines((end.join(lines) + end).encode(), ",").tolist()
    assert [lines[number] for number in bad] == [*BAD, BAD[0]]


def test_other_delimiters_and_encodings_are_handled() -> None:
    assert find_bad_lines('"1";"2"\n"1","2"\n"\xdcnal";2\n'.encode("latin-1"), ";").tolist() == [1]


@given(st.lists(st.text('a",;\r', max_size=8), min_size=1, max_size=5))
def test_a_line_is_bad_where_the_csv_module_refuses_it(lines: list[str]) -> None:
    wanted = []
    for number, line in enumerate(lines):
        try:
            split_line(line.removesuffix("\r"))
        except csv.Error:
            wanted.append(number)
    assert find_bad_lines(("\n".join(lines) + "\n").encode(), ",").tolist() == wanted


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("", "is empty"),
        (" , ,", "is empty"),
        ("a;b", "a single column; use semicolon"),
        ("a\tb", "a single column; use tab"),
        ("a,b\r1,2", "LF or CRLF"),
        ('a,"b', "LF or CRLF"),
    ],
)
def test_a_header_that_cannot_be_read_says_why(line: str, part: str) -> None:
    with pytest.raises(DataError, match=rf"^in\.csv.*{part}"):
        split_header(line, ",", "in.csv", "use {}")


@given(st.text(max_size=20))
def test_any_header_is_split_or_refused(line: str) -> None:
    with suppress(DataError):
        assert split_header(line, ",", "in.csv", "use {}")

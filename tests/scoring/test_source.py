import io
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heartapp.errors import DataError
from heartapp.scoring import source as source_module
from heartapp.scoring.names import Kind
from heartapp.scoring.source import open_source
from heartapp.tables.csv_body import read_csv


def read(
    content: bytes, monkeypatch: pytest.MonkeyPatch, kind: Kind = "csv"
) -> tuple[list[tuple[int, Any]], dict[int, str]]:
    """Number and cells of each good row, and the reason for each other one; rows count from 0 through all pieces."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    good: list[tuple[int, Any]] = []
    bad: dict[int, str] = {}
    with open_source("-", kind, ",") as source:
        for batch, broken in map(source.parse, source.pieces):
            first = len(good) + len(bad)
            bad |= {first + (fault.row or 0): fault.message for fault in broken}
            total = first + batch.num_rows + len(broken)
            numbers = [number for number in range(first, total) if number not in bad]
            cells = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            good += zip(numbers, map(list, cells), strict=True)
    return good, bad


def test_cells_are_kept_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    content = '\ufeffid,note\r\n001,"a, ""b"""\r\n72.50,NA\r\n\r\n ,\r\ntrue,Ünal'.encode()
    good, bad = read(content, monkeypatch)
    assert [row for _, row in good] == [["001", 'a, "b"'], ["72.50", "NA"], [" ", ""], ["true", "Ünal"]]
    assert bad == {}


@pytest.mark.parametrize("block", [1, 7, 1_000])
def test_bad_lines_have_their_number_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(source_module, "BLOCK_BYTES", block)
    lines = ["a,b,c", "0,0,0", '"1,1,1', "", "2,2", "\r", "3,3,3,3", '4,"4"4,4', "5,5,5", "6,6\r6,6", '"7",7,7']
    good, bad = read("\n".join(lines).encode(), monkeypatch)
    assert good == [(0, ["0"] * 3), (5, ["5"] * 3), (7, ["7"] * 3)]
    assert {row: message.split(",")[0] for row, message in bad.items() if message.startswith("has")} == {
        2: "has 2 cells",
        3: "has 4 cells",
    }
    assert {*bad} == {1, 2, 3, 4, 6}


@given(st.lists(st.text('a1",\r ', max_size=9), max_size=6))
@example(["\r\r", "1,2\r", "\r1,2", '"\r",2', "1,2"])
def test_a_file_is_split_into_the_same_rows_as_a_body(lines: list[str]) -> None:
    content = "\n".join(["x,y", *lines]).encode()
    body = read_csv(content, "body")
    with pytest.MonkeyPatch.context() as patch:
        good, bad = read(content, patch)
    broken = {fault.row: fault.message for fault in body.broken}
    assert bad == broken
    assert good == [(number, row) for number, row in enumerate(body.rows) if number not in broken]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        ("a,b\n".encode("utf-16"), "not UTF-8"),
        (b"a;b\n1;2\n", "--delimiter semicolon"),
        (b"a,b\n\xdcnal,2\n", "not UTF-8; convert the file first"),
    ],
)
def test_input_that_is_no_csv_says_what_to_do(monkeypatch: pytest.MonkeyPatch, content: bytes, part: str) -> None:
    with pytest.raises(DataError, match=rf"^standard input.*{part}"):
        read(content, monkeypatch)


# Parquet


def test_parquet_is_read_with_its_types(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b"], "age": [62.5, None]}), file)
    good, _ = read(file.getvalue(), monkeypatch, "parquet")
    assert good == [(0, ["a", 62.5]), (1, ["b", None])]


def test_wide_rows_come_in_small_pieces(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["x" * 100_000 + str(row) for row in range(100)]}), tmp_path / "wide.pq")
    with open_source(str(tmp_path / "wide.pq"), "parquet", ",") as source:
        assert max(piece.num_rows for piece in source.pieces) < 50


def test_a_damaged_or_absent_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(DataError, match=r"a\.parquet: No such file"), open_source(str(path), "parquet", ","):
        pass
    pq.write_table(pa.table({"a": [*range(10_000)]}), path)
    content = bytearray(path.read_bytes())
    content[100:2_000] = bytes(1_900)
    path.write_bytes(content)
    with pytest.raises(DataError, match="is damaged"), open_source(str(path), "parquet", ",") as source:
        list(source.pieces)
    path.write_bytes(content[:-9])
    with pytest.raises(DataError, match="not a Parquet file"), open_source(str(path), "parquet", ","):
        pass

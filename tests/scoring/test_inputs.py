from __future__ import annotations

import io
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heartapp.errors import DataError
from heartapp.scoring.inputs import find_files, find_kind, is_stream, open_input

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.scoring.chunk import Chunk
    from heartapp.scoring.formats import Kind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three Parquet files of 2, 3 and 4 rows, and what is not to be read beside them."""
    for index, name in enumerate(["b.parquet", "c.PQ", "a.parquet"]):
        pq.write_table(pa.table({"file": [name] * (index + 2)}), tmp_path / name)
    for name in (".hidden.parquet", "_metadata.parquet", "notes.txt", "plan.pdf"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.parquet").mkdir()
    return tmp_path


def rows(chunks: list[Chunk]) -> list[tuple[int, Any]]:
    """Each row's number, and the row."""
    return [
        (number, row)
        for chunk in chunks
        for number, row in enumerate(chunk.batch(np.arange(chunk.rows)).to_pylist(), chunk.first)
    ]


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def stdin_of(monkeypatch: pytest.MonkeyPatch, stream: io.BytesIO) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))


@pytest.mark.parametrize(
    ("name", "stated", "kind"),
    [
        ("x.csv", None, "csv"),
        ("x.CSV", "parquet", "csv"),
        ("x.tsv", None, "csv"),
        ("x.parquet", None, "parquet"),
        ("x.pq", None, "parquet"),
        ("x.txt", None, None),
        ("x.txt", "csv", "csv"),
        ("-", None, None),
        ("-", "parquet", "parquet"),
        ("parts/*.gz", None, "parquet"),
        (".", None, "parquet"),
    ],
)
def test_the_suffix_tells_the_format_else_what_was_stated(name: str, stated: Kind | None, kind: Kind | None) -> None:
    assert find_kind(name, stated) == kind


def test_a_folder_stands_for_its_parquet_files_in_the_order_of_their_names(folder: Path) -> None:
    assert [path.name for path in find_files(str(folder))] == ["a.parquet", "b.parquet", "c.PQ"]


def test_a_pattern_stands_for_the_files_that_it_matches(folder: Path) -> None:
    assert [path.name for path in find_files(str(folder / "[bc].*"))] == ["b.parquet", "c.PQ"]
    assert [path.name for path in find_files(str(folder / "**" / "a.parquet"))] == ["a.parquet"]


def test_a_file_with_a_star_in_its_name_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").touch()
    (tmp_path / "*.parquet").touch()
    assert find_files(str(tmp_path / "*.parquet")) == [tmp_path / "*.parquet"]


def test_a_folder_or_pattern_without_files_is_told(tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "*.parquet")):
        with pytest.raises(DataError, match=r"there is no Parquet file; name files that end in \.parquet$"):
            find_files(name)


def test_files_are_read_one_after_the_other_and_their_rows_counted_through(folder: Path) -> None:
    with open_input(str(folder), "parquet") as opened:
        assert opened.rows == 9
        assert rows([*opened.chunks]) == [
            (number, {"file": name})
            for number, name in enumerate(["a.parquet"] * 4 + ["b.parquet"] * 2 + ["c.PQ"] * 3, 1)
        ]


def test_files_of_different_columns_are_refused_before_any_is_read(folder: Path) -> None:
    pq.write_table(pa.table({"other": [1]}), folder / "d.parquet")
    with pytest.raises(DataError, match=r"d\.parquet does not fit the first file"), open_input(str(folder), "parquet"):
        pass


@pytest.mark.parametrize(("name", "content"), [("x.csv", b"a,b\n1,2\n"), ("x.tsv", b"a\tb\n1\t2\n")])
def test_a_csv_file_tells_its_size(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with open_input(str(tmp_path / name), "csv") as opened:
        assert (opened.rows, opened.size) == (None, len(content))
        assert rows([*opened.chunks]) == [(1, {"a": "1", "b": "2"})]


def test_a_delimiter_that_is_named_counts(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a|b\n1|2\n")
    with open_input(str(tmp_path / "x.csv"), "csv", "pipe") as opened:
        assert rows([*opened.chunks]) == [(1, {"a": "1", "b": "2"})]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_cannot_be_opened_is_told(tmp_path: Path, kind: Kind) -> None:
    with (
        pytest.raises(DataError, match=r"none\.csv: .*No such file.*; name a "),
        open_input(str(tmp_path / "none.csv"), kind),
    ):
        pass


def test_standard_input_is_csv_of_unknown_size(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin_of(monkeypatch, Pipe(b"a,b\n1,2\n"))
    with open_input("-", "csv") as opened:
        assert (opened.place, opened.rows, opened.size) == ("standard input", None, None)
        assert rows([*opened.chunks]) == [(1, {"a": "1", "b": "2"})]


@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
def test_standard_input_may_be_parquet_through_a_pipe_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stream: type[io.BytesIO]
) -> None:
    stdin_of(monkeypatch, stream((folder / "b.parquet").read_bytes()))
    with open_input("-", "parquet") as opened:
        assert (opened.place, opened.rows) == ("standard input", 2)
        assert rows([*opened.chunks]) == [(1, {"file": "b.parquet"}), (2, {"file": "b.parquet"})]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_named_pipe_is_read_like_standard_input(folder: Path, kind: Kind) -> None:
    content = b"file\nb.parquet\nb.parquet\n" if kind == "csv" else (folder / "b.parquet").read_bytes()
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[content])
    writer.start()
    with open_input(str(pipe), kind) as opened:
        assert opened.size is None
        assert rows([*opened.chunks]) == [(1, {"file": "b.parquet"}), (2, {"file": "b.parquet"})]
    writer.join()


def test_devices_and_pipes_are_streams_and_files_are_not(folder: Path) -> None:
    assert is_stream("-")
    assert is_stream("/dev/null")
    assert not any(map(is_stream, [str(folder), str(folder / "a.parquet"), str(folder / "none")]))

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from heartapp.errors import DataError
from heartapp.scoring.rejects import HEADER, Rejects, check_list

if TYPE_CHECKING:
    from pathlib import Path


def test_rejects_are_a_file_with_a_header(tmp_path: Path) -> None:
    path = tmp_path / "x.rejects.csv"
    with Rejects(path) as rejects:
        rejects.write(b"3,age,old\n3,sex,other\n", 1)
        rejects.write(b"", 0)
        rejects.write(b"9,age,young\n", 1)
        assert not path.exists()
    assert rejects.rows == 2
    assert path.read_bytes() == b"row,field,reason\n3,age,old\n3,sex,other\n9,age,young\n"


def test_without_rejects_there_is_no_file_and_none_of_an_earlier_run(tmp_path: Path) -> None:
    path = tmp_path / "x.rejects.csv"
    path.write_bytes(b"of yesterday")
    with Rejects(path):
        pass
    assert [*tmp_path.iterdir()] == []


def fail_after(rejects: Rejects, rows: int) -> None:
    with rejects:
        rejects.write(b"3,age,old\n", rows)
        raise KeyboardInterrupt


@pytest.mark.parametrize("rows", [0, 1])
def test_work_that_fails_leaves_the_rejects_of_the_earlier_run(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "x.rejects.csv"
    path.write_bytes(b"of yesterday")
    with pytest.raises(KeyboardInterrupt):
        fail_after(Rejects(path), rows)
    assert {path: b"of yesterday"} == {one: one.read_bytes() for one in tmp_path.iterdir()}


def test_without_a_path_rejects_go_to_standard_error(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with Rejects(None) as rejects:
        rejects.write(b"3,age,old\n", 1)
    assert capfdbinary.readouterr() == (b"", b"row,field,reason\n3,age,old\n")


def test_a_pipe_is_written_to_and_closed_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    for lines in (b"", b"3,age,old\n"):
        reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
        reader.start()
        with Rejects(path) as rejects:
            rejects.write(lines, len(lines))
            rejects.write(lines, len(lines))
        reader.join()
    assert read == [b"", HEADER + 2 * b"3,age,old\n"]
    assert path.is_fifo()


def test_only_a_list_of_rejects_or_an_empty_file_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    check_list(path)
    for content in (b"", HEADER, b"row,field,reason\r\n3,age,old\r\n"):
        path.write_bytes(content)
        check_list(path)
    for content in (b"precious\n", b"\n" + HEADER, HEADER.rstrip() + b",more\n"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"x\.csv is there and is no list of rejects; name another file with --r"):
            check_list(path)
    with pytest.raises(DataError, match=r"^\S+: Is a directory; name another file with --rejects$"):
        check_list(tmp_path)

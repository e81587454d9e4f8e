from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from heartapp.errors import DataError
from heartapp.scoring.replacing import replacing, sync_folder, unfinished

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_takes_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
        assert [*tmp_path.iterdir()] != [path]
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == b"new"


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for mode in (0o600, 0o640, 0o444):
        path.touch()
        path.chmod(mode)
        with replacing(path) as file:
            assert stat.S_IMODE(unfinished(path).stat().st_mode) == mode
            file.write(b"new")
        assert stat.S_IMODE(path.stat().st_mode) == mode


def write_a_part(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt


def test_what_is_not_completed_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_a_part(path)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == b"old"


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    unfinished(path).symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"x\.csv cannot be written: No space left on device$"), replacing(path) as file:
        file.write(b"new")
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_is_not_there_or_cannot_be_replaced_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"y\.csv cannot be written: No such file or directory$"),
        replacing(tmp_path / "x" / "y.csv"),
    ):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=r"folder cannot be written: Is a directory$"), replacing(tmp_path / "folder"):
        pass


def test_where_folders_cannot_be_opened_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    sync_folder(tmp_path)

import os
import threading
from pathlib import Path

import pytest

from heartapp.errors import DataError
from heartapp.files import as_data_error, atomic_write


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with atomic_write(path) as file:
        file.write(b"all")
        assert not path.exists()
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("out", b"all")]


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")

    def write() -> None:
        with atomic_write(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("out", "old")]


def test_two_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "out") as one, atomic_write(tmp_path / "out") as other:
        one.write(b"one")
        other.write(b"other")
    assert (tmp_path / "out").read_bytes() == b"one"


def test_the_mode_and_a_link_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "out", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with atomic_write(pipe) as file:
        file.write(b"through")
    reader.join()
    assert read == [b"through"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", [".", "none/out"])
def test_a_name_that_cannot_be_written_is_a_data_error_that_names_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(DataError, match=f"^{path} cannot be written: "), atomic_write(path):
        pass


def test_a_broken_pipe_is_no_error_of_the_file() -> None:
    with pytest.raises(BrokenPipeError), as_data_error("out"):
        raise BrokenPipeError

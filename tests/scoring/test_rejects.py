from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heartapp.scoring.rejects import Rejects

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

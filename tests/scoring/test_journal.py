from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.errors import DataError
from heartapp.scoring import journal as module
from heartapp.scoring.journal import Journal, Record

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "a" * 64
RECORDS = [
    Record(seed, np.random.default_rng(seed).random((rows, 3), np.float32)) for seed, rows in enumerate([5, 0, 1_000])
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a journal with all records."""
    path = tmp_path / "x.journal"
    with Journal(path, DIGEST, resume=False) as journal:
        assert journal.next() is None
        for record in RECORDS:
            journal.add(record)
    return path


def check_holds(path: Path, records: list[Record]) -> None:
    with Journal(path, DIGEST, resume=True) as journal:
        for record in records:
            read = journal.next()
            assert read is not None
            assert read.checksum == record.checksum
            np.testing.assert_array_equal(read.probabilities, record.probabilities)
        assert (journal.next(), journal.next(), journal.records) == (None, None, len(records))


def test_records_are_read_as_they_were_added(path: Path) -> None:
    check_holds(path, RECORDS)
    check_holds(path, RECORDS)


def test_records_are_added_behind_those_that_were_read(path: Path) -> None:
    with Journal(path, DIGEST, resume=True) as journal:
        while journal.next():
            pass
        journal.add(RECORDS[0])
    check_holds(path, [*RECORDS, RECORDS[0]])


def test_a_record_that_was_cut_off_is_dropped_and_written_over(path: Path) -> None:
    content = path.read_bytes()
    last = 8 + 12 * 1_000 + 4
    for cut in (1, 4, 5, 1_000, last - 9, last - 4, last - 1):
        path.write_bytes(content[:-cut])
        with Journal(path, DIGEST, resume=True) as journal:
            while journal.next():
                pass
            assert journal.records == 2
            journal.add(RECORDS[2])
        assert path.read_bytes() == content


def test_zeros_that_a_power_cut_left_are_no_records(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(5_000))
    check_holds(path, RECORDS)


def test_a_journal_that_was_cut_off_in_its_head_starts_anew(path: Path) -> None:
    for kept in (0, 10):
        path.write_bytes(path.read_bytes()[:kept])
        with Journal(path, DIGEST, resume=True) as journal:
            assert journal.next() is None
            journal.add(RECORDS[0])
        check_holds(path, RECORDS[:1])


def test_a_journal_is_not_written_over_unasked(path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.journal is there: .*; go on with --resume, or delete it to start anew$"):
        Journal(path, DIGEST, resume=False)
    check_holds(path, RECORDS)


@pytest.mark.parametrize("resume", [False, True])
def test_a_journal_that_another_run_writes_is_refused_and_stays(tmp_path: Path, *, resume: bool) -> None:
    path = tmp_path / "x.journal"
    with Journal(path, DIGEST, resume=False) as first:
        with pytest.raises(DataError, match=r"x\.journal is in use: another run is writing this output; wait until"):
            Journal(path, DIGEST, resume=resume)
        first.add(RECORDS[0])
    check_holds(path, RECORDS[:1])


def test_where_there_are_no_locks_none_is_needed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with Journal(path, DIGEST, resume=True):
        check_holds(path, RECORDS)


def test_a_journal_of_another_model_or_another_file_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match="is of another model or another heartapp; delete it"):
        Journal(path, "sha256:" + "b" * 64, resume=True)
    path.write_bytes(b"something else")
    with pytest.raises(DataError, match="is of another model or another heartapp; delete it"):
        Journal(path, DIGEST, resume=True)


def test_a_journal_without_a_record_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    with Journal(path, DIGEST, resume=True):
        assert path.exists()
    assert not path.exists()


def test_a_journal_is_taken_away_once(path: Path) -> None:
    with Journal(path, DIGEST, resume=True) as journal:
        journal.next()
    journal.remove()
    journal.remove()
    assert not path.exists()


def test_records_are_brought_to_the_disk_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    monkeypatch.setattr(module, "_SYNC_EVERY", 3)
    with Journal(path.with_name("y"), DIGEST, resume=False) as journal:
        for _ in range(7):
            journal.add(RECORDS[0])
    assert len(synced) == 2


def test_a_journal_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"x\.journal cannot be written: Not a directory$"):
        Journal(tmp_path / "file" / "x.journal", DIGEST, resume=False)

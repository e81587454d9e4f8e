"""Work that is killed, or runs out of disk, and goes on where it stopped."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from heartapp.errors import DataError
from heartapp.scoring import csv_input, parquet_input
from heartapp.scoring.journal import Journal
from heartapp.scoring.score import Options, score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heartapp.inference.model import Model
    from heartapp.scoring.journal import Record
    from heartapp.scoring.pipeline import Counts

ROOT = Path(__file__).parents[2]
CHUNK_BYTES, CHUNK_ROWS = 20_000, 250
"""Small chunks, of which 3,000 patients make more than are scored at once."""

# Kills itself as soon as its third chunk is in the journal: no one has to wait for the right moment.
SCRIPT = f"""
import os, signal, sys
from pathlib import Path
from heartapp.inference.bundle import read_bundle, read_served
from heartapp.inference.model import Model
from heartapp.scoring import csv_input, parquet_input
from heartapp.scoring.journal import Journal
from heartapp.scoring.score import Options, score

source, target = sys.argv[1:]
csv_input.CHUNK_BYTES, parquet_input.CHUNK_ROWS = {CHUNK_BYTES}, {CHUNK_ROWS}
unharmed = Journal.add
def add(self, record):
    unharmed(self, record)
    if self.records == 3:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.add = add
models = Path("models")
model = Model(read_bundle(models, "bedside", read_served(models)["bedside"]))
score(source, target, model, Options(), print)
"""


@pytest.fixture(scope="module")
def sources(patients: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sources")
    pa_csv.write_csv(patients, folder / "in.csv")
    pq.write_table(patients, folder / "in.parquet")
    return {path.suffix: path for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_input, "CHUNK_BYTES", CHUNK_BYTES)
    monkeypatch.setattr(parquet_input, "CHUNK_ROWS", CHUNK_ROWS)


def kill(source: object, target: Path, content: bytes | None = None) -> None:
    """Score in a process of its own that is killed."""
    command = [sys.executable, "-c", SCRIPT, str(source), str(target)]
    done = subprocess.run(command, cwd=ROOT, input=content, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not target.exists()


def run(source: Path, target: Path, model: Model, *, resume: bool = False) -> tuple[Counts, list[str]]:
    told: list[str] = []
    return score(str(source), str(target), model, Options(resume=resume), told.append), told


def check_resumed(source: Path, target: Path, model: Model) -> None:
    """Resume, and compare with work that was not interrupted."""
    counts, told = run(source, target, model, resume=True)
    whole = target.with_stem("whole")
    run(source, whole, model)
    assert (counts.read, counts.scored, counts.rejected, told) == (3_000, 3_000, 0, [])
    assert 3 * 100 < counts.resumed < counts.scored
    assert target.read_bytes() == whole.read_bytes()
    assert {path.name for path in target.parent.iterdir()} == {target.name, whole.name}


def test_a_killed_run_resumes_without_scoring_a_row_twice_or_losing_one(
    bedside: Model, sources: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "out.parquet"
    kill(sources[".parquet"], target)
    with pytest.raises(DataError, match=r"journal is there: .*; go on with --resume"):
        run(sources[".parquet"], target, bedside)
    check_resumed(sources[".parquet"], target, bedside)


def test_a_killed_run_over_a_pipe_resumes_when_the_same_rows_come_again(
    bedside: Model, sources: dict[str, Path], tmp_path: Path
) -> None:
    kill("-", tmp_path / "out.csv", sources[".csv"].read_bytes())
    check_resumed(sources[".csv"], tmp_path / "out.csv", bedside)


def test_a_run_that_is_broken_off_by_hand_says_how_to_go_on(
    bedside: Model, sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unharmed = Journal.add

    def add(journal: Journal, record: Record) -> None:
        unharmed(journal, record)
        if journal.records == 4:
            raise KeyboardInterrupt

    told: list[str] = []
    target = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", add)
        with pytest.raises(KeyboardInterrupt):
            score(str(sources[".csv"]), str(target), bedside, Options(), told.append)
    assert told == [f"what was scored so far is kept in {target}.journal; go on with --resume"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv.journal"]
    check_resumed(sources[".csv"], target, bedside)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may become larger than this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_full_disk_is_told_and_the_run_resumes_when_there_is_room(
    bedside: Model, sources: dict[str, Path], tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heartapp.scoring.outputs.GROUP_ROWS", 500)
    target = tmp_path / f"out{suffix}"
    told: list[str] = []
    with (
        disk_of(45_000 if suffix == ".parquet" else 200_000),
        pytest.raises(DataError, match=rf"out{suffix} cannot be written: File too large$"),
    ):
        score(str(sources[suffix]), str(target), bedside, Options(), told.append)
    assert told == [f"what was scored so far is kept in {target}.journal; go on with --resume"]
    assert [path.name for path in tmp_path.iterdir()] == [f"{target.name}.journal"]
    check_resumed(sources[suffix], target, bedside)


def test_of_two_files_the_one_that_met_the_full_disk_is_named(
    bedside: Model, sources: dict[str, Path], tmp_path: Path
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    header, first, rest = sources[".csv"].read_bytes().split(b"\n", 2)
    many, few = rest, b"\n".join(rest.splitlines()[:100]) + b"\n"
    for good, faulty, named in ((many, 1, target.name), (few, 10_000, f"{target.name}.rejects.csv")):
        source.write_bytes(b"\n".join([header, *[b"x" + first] * faulty, good]))
        with (
            disk_of(200_000),
            pytest.raises(DataError, match=rf"/{named} cannot be written: File too large$"),
        ):
            run(source, target, bedside)
        target.with_name("out.csv.journal").unlink()
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_file_that_is_cut_off_is_told_and_no_other_takes_its_place(
    bedside: Model, sources: dict[str, Path], tmp_path: Path, patients: pa.Table
) -> None:
    content = sources[".csv"].read_bytes()
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(content[: content.index(b"\n", len(content) // 2)] + b'\n"x')
    with pytest.raises(DataError, match=r"in\.csv, row \d+ or after: a quote is opened and never closed"):
        run(source, target, bedside)

    pa_csv.write_csv(patients.slice(1), source)
    told: list[str] = []
    with pytest.raises(DataError, match=r"\(near row 1\); delete \S+/out\.csv\.journal to start anew$"):
        score(str(source), str(target), bedside, Options(resume=True), told.append)
    assert told == []

    source.write_bytes(content)
    counts, _ = run(source, target, bedside, resume=True)
    assert counts.scored == 3_000
    assert counts.resumed > 0

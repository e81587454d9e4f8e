"""A real scheduler and two real workers, one of which is killed in the middle of its work."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dask
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from distributed import Client, KilledWorker

from heartapp.cli import main
from heartapp.errors import DataError
from heartapp.scoring import cluster, partitions
from heartapp.scoring.cluster import score_on_cluster
from heartapp.scoring.pipeline import Counts
from heartapp.scoring.progress import Progress
from heartapp.scoring.score import Options, score
from tests.server.running import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heartapp.inference.model import Model

ROOT = Path(__file__).parents[2]
PARTITIONS = 8


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + str(arguments[0]), *map(str, arguments[1:])],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, each a process with one thread."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    processes = [start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file)]
    for _ in range(2):
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", folder)
        processes.append(start("worker", "--scheduler-file", file, *options))
    try:
        wait_until(lambda: file.exists() and file.read_text().endswith("}"), "the scheduler told its address")
        address: str = json.loads(file.read_text())["address"]
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=30)
        yield address
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def source(patients: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Parquet files, one a partition; one patient cannot be scored."""
    folder = tmp_path_factory.mktemp("cluster-source") / "in"
    folder.mkdir()
    ages = patients["age"].to_pylist()
    ages[1_000] = 7.0
    table = pa.concat_tables([patients.set_column(1, "age", pa.array(ages))] * 10)
    rows = -(-table.num_rows // PARTITIONS)
    for index in range(PARTITIONS):
        pq.write_table(table.slice(index * rows, rows), folder / f"{index}.parquet")
    return folder


def test_a_killed_workers_partitions_are_done_by_the_other_and_all_is_as_on_one_machine(
    bedside: Model, scheduler: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.parquet"
    folder = target.with_name("out.parquet.parts")
    killed: list[int] = []
    with Client(scheduler, set_as_default=False) as client:
        pids = list(client.run(os.getpid).values())

    def in_the_middle(pid: int) -> bool:
        """Whether the process has begun a partition; if so, it is stopped and cannot end it."""
        os.kill(pid, signal.SIGSTOP)
        if any(folder.glob(f".*-{pid}-*")):
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    unharmed = Progress.add

    def add(progress: Progress, rows: int, size: int) -> None:
        unharmed(progress, rows, size)
        if not killed:
            killed.append(wait_until(lambda: next(filter(in_the_middle, pids), None), "a worker was at work"))
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(Progress, "add", add)
    told: list[str] = []
    counts = score_on_cluster(str(source), str(target), bedside, Options(), told.append, scheduler=scheduler)
    monkeypatch.undo()

    assert len(killed) == 1
    assert (counts, told) == (Counts(30_000, 29_990, 10), [])
    whole = tmp_path / "whole.parquet"
    score(str(source), str(whole), bedside, Options(), told.append)
    assert pq.read_table(target).equals(pq.read_table(whole), check_metadata=True)
    rejects = target.with_name("out.parquet.rejects.csv")
    assert rejects.read_bytes() == whole.with_name("whole.parquet.rejects.csv").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {
        *(target.name, whole.name, rejects.name, "whole.parquet.rejects.csv")
    }


def test_partitions_with_a_marker_are_not_done_again(
    bedside: Model, scheduler: str, patients: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    pa_csv.write_csv(patients, source)
    monkeypatch.setattr(partitions, "PARTITION_BYTES", 40_000)
    monkeypatch.setattr("heartapp.scoring.csv_input.CHUNK_BYTES", 10_000)
    told: list[str] = []

    def fail(*_: object) -> None:
        raise DataError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "join_parts", fail)
        with pytest.raises(DataError, match="the disk is full"):
            score_on_cluster(str(source), str(target), bedside, Options(), told.append, scheduler=scheduler)
    assert told == [f"what was scored so far is kept in {target}.parts; go on with --resume"]
    with pytest.raises(DataError, match=r"parts is there: an earlier run was interrupted; go on with --resume"):
        score_on_cluster(str(source), str(target), bedside, Options(), told.append, scheduler=scheduler)

    resume = Options(resume=True)
    other = tmp_path / "other.csv"
    pa_csv.write_csv(patients.slice(1), other)
    told.clear()
    with pytest.raises(DataError, match=r"parts is of another input or model; delete it to start anew"):
        score_on_cluster(str(other), str(target), bedside, resume, told.append, scheduler=scheduler)
    assert told == []
    (tmp_path / "out.csv.parts" / "_part-00000.json").unlink()
    counts = score_on_cluster(str(source), str(target), bedside, resume, told.append, scheduler=scheduler)
    assert counts.scored == 3_000
    assert 0 < counts.resumed < 3_000
    score(str(source), str(tmp_path / "whole.csv"), bedside, Options(), told.append)
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_the_command_is_the_same_with_a_scheduler(
    scheduler: str, patients: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "nthreads", lambda _: {})
    pq.write_table(patients, tmp_path / "in.parquet")
    command = ["score", str(tmp_path / "in.parquet"), str(tmp_path / "out.csv"), "--scheduler", scheduler]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "the cluster has no worker yet; waiting for one",
        "3,000 rows read = 3,000 scored + 0 rejected",
    ]


def test_without_dask_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "heartapp.scoring.cluster")
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = CliRunner().invoke(main, ["score", "in.csv", str(tmp_path / "out.csv"), "--scheduler", "tcp://x"])
    assert result.exit_code == 1
    assert "(distributed is missing): pip install 'heartapp[dask]', or `make .venv/bulk`" in result.stderr


@pytest.mark.parametrize(("source", "target"), [("-", "out.csv"), ("in.csv", "-"), ("in.csv", "/dev/null")])
def test_a_cluster_takes_no_streams(bedside: Model, source: str, target: str) -> None:
    with pytest.raises(DataError, match=r"^a cluster reads and writes files, no streams; name files"):
        score_on_cluster(source, target, bedside, Options(), print, scheduler="tcp://127.0.0.1:9")


def clients() -> set[int]:
    """All clients in memory, even those whose making failed."""
    return {id(one) for one in gc.get_objects() if type(one) is Client}


def test_a_scheduler_that_does_not_answer_is_told_and_leaves_nothing_behind(
    bedside: Model, source: Path, tmp_path: Path
) -> None:
    before = clients()
    told: list[str] = []
    for address in ("tcp://127.0.0.1:9", "nonsense://here"):
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
            pytest.raises(DataError, match=f"^no Dask scheduler answers at {address}: "),
        ):
            score_on_cluster(str(source), str(tmp_path / "out.csv"), bedside, Options(), told.append, scheduler=address)
        assert (told, [*tmp_path.iterdir()]) == ([], [])
    # None is left for the collector to close, which it might do while the next one starts and waits for it.
    assert clients() <= before


def test_a_scheduler_that_is_lost_in_the_middle_is_told_in_one_line(
    bedside: Model, source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, target = tmp_path / "scheduler.json", tmp_path / "out.csv"
    process = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if "no worker yet" in line:
            (tmp_path / "out.csv.parts" / "of a worker").touch()
            process.kill()
            process.wait()

    try:
        wait_until(lambda: file.exists() and file.read_text().endswith("}"), "the scheduler told its address")
        address = json.loads(file.read_text())["address"]
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
            pytest.raises(DataError, match=rf"^the Dask scheduler at {address} was lost; see that it runs again$"),
        ):
            score_on_cluster(str(source), str(target), bedside, Options(), tell, scheduler=address)
    finally:
        process.kill()
        process.wait()
    assert told[1:] == [f"what was scored so far is kept in {target}.parts; go on with --resume"]
    assert capfd.readouterr() == ("", "")


def test_without_the_cluster_its_partitions_are_not_used_and_that_is_told(
    bedside: Model, patients: pa.Table, tmp_path: Path
) -> None:
    pa_csv.write_csv(patients, tmp_path / "in.csv")
    (tmp_path / "out.csv.parts").mkdir()
    for resume, lines in ((True, 1), (False, 0)):
        told: list[str] = []
        score(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), bedside, Options(resume=resume), told.append)
        assert (
            told
            == [f"{tmp_path}/out.csv.parts, what a cluster scored, is not used; only with --scheduler it is"] * lines
        )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KilledWorker("part", None, 3), "^one worker after the other died over the same partition; "),  # type: ignore[arg-type]  # nobody asks which worker
        (
            ModuleNotFoundError("none", name="pyarrow"),
            r"^the workers need heartapp\[dask\] as well \(pyarrow is missing",
        ),
    ],
)
def test_what_workers_cannot_do_is_told(
    bedside: Model,
    scheduler: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    message: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cluster, "as_completed", fail)
    with pytest.raises(DataError, match=message):
        score_on_cluster(str(source), str(tmp_path / "out.csv"), bedside, Options(), print, scheduler=scheduler)

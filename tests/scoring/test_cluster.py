"""A real scheduler and two real workers, one of which is killed in the middle of its work."""

import gc
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dask
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, KilledWorker, LocalCluster

from heartapp.errors import DataError
from heartapp.inference.model import Model
from heartapp.scoring import cluster
from heartapp.scoring.cluster import run_cluster
from heartapp.scoring.parts import Part, score_part, score_parts
from heartapp.scoring.score import Options, Report

FILES = 6


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two workers, each a process with one thread."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as running:
        yield running.scheduler_address


@pytest.fixture(scope="module")
def source(patients: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files; in each, one patient cannot be scored."""
    folder = tmp_path_factory.mktemp("cluster-source")
    ages = patients["age"].to_pylist()
    ages[1_000] = 7.0
    table = pa.concat_tables([patients.set_column(1, "age", pa.array(ages)), *[patients] * 9])
    for index in range(FILES):
        pq.write_table(table, folder / f"{index}.parquet")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_killed_workers_parts_are_done_by_the_other(
    bedside: Model, scheduler: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    with Client(scheduler, set_as_default=False) as client:
        (first, second) = client.run(os.getpid).values()
    killed: list[int] = []

    def run_and_kill(*arguments: Any) -> Iterator[Report]:
        # Stop one worker before the work begins; it has parts when the other one has done some.
        os.kill(first, signal.SIGSTOP)
        for report in run_cluster(*arguments):
            if not killed:
                os.kill(first, signal.SIGKILL)
                killed.append(first)
            yield report

    monkeypatch.setattr(cluster, "run_cluster", run_and_kill)
    report = score_parts(str(source), output, bedside, Options(), scheduler=scheduler)
    assert (killed, first != second) == ([first], True)
    assert (report.read, report.rejected, len(report.rejects)) == (FILES * 30_000, FILES, FILES)
    alone = score_parts(str(source), tmp_path / "alone", bedside, Options())
    assert (alone.read, alone.reasons) == (report.read, report.reasons)
    assert contents(output) == contents(tmp_path / "alone")


def part(bedside: Model, folder: Path) -> Part:
    (folder / "in.csv").write_text("age,ejection_fraction,serum_creatinine\n62,35,1.4\n")
    return partial(score_part, bedside.identity, Options(threads=1), folder / "in.csv", folder / "out.csv")


def test_a_file_that_a_worker_cannot_score_is_named(bedside: Model, scheduler: str, tmp_path: Path) -> None:
    one = part(bedside, tmp_path)
    (tmp_path / "in.csv").write_text("nothing\n")
    with pytest.raises(DataError, match=r"in\.csv: columns age, "):
        list(run_cluster([one], scheduler))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KilledWorker("part", None, 3), "several workers died"),  # type: ignore[arg-type]  # the worker does not matter
        (ModuleNotFoundError("none", name="pyarrow"), "the workers lack the package pyarrow"),
    ],
)
def test_what_workers_cannot_do_is_told(
    bedside: Model, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cluster, "as_completed", fail)
    with pytest.raises(DataError, match=message):
        list(run_cluster([part(bedside, tmp_path)], scheduler))


def test_a_scheduler_that_does_not_answer_is_told_and_leaves_no_client(bedside: Model, tmp_path: Path) -> None:
    def clients() -> set[int]:
        return {id(one) for one in gc.get_objects() if type(one) is Client}

    before = clients()
    for address in ("tcp://127.0.0.1:9", "nonsense://here"):
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
            pytest.raises(DataError, match=f"^no Dask scheduler answers at {address}: "),
        ):
            list(run_cluster([part(bedside, tmp_path)], address))
    # The collector would close one later, perhaps while the next one starts and waits for it.
    assert clients() <= before


def test_a_scheduler_without_workers_or_one_that_is_lost_is_told(
    bedside: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.1)
    with LocalCluster(n_workers=0, dashboard_address=":0") as running:
        address = running.scheduler_address
        with pytest.raises(DataError, match=f"start one: dask worker {address}"):
            list(run_cluster([part(bedside, tmp_path)], address))
        monkeypatch.setattr(Client, "wait_for_workers", lambda *_, **__: running.close())
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}),
            pytest.raises(DataError, match=f"connection to the Dask scheduler at {address} was lost"),
        ):
            list(run_cluster([part(bedside, tmp_path)], address))

"""The commands of docs/files.md do what it says."""

import gzip
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.tables.cells import MISSING_WORDS
from heartapp.tables.columns import ADDED_NAMES

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "files.md").read_text("utf-8")
ONE, FOLDER, SCHEDULER, WORKER, CLUSTER = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def folder(
    patients: pa.Table,
    random_patients: Callable[[Sequence[str], int], list[list[float]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The files that the document names; the commands find heartapp and dask."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "visits").mkdir()
    pa_csv.write_csv(patients, tmp_path / "patients.csv")
    (tmp_path / "patients.csv.gz").write_bytes(gzip.compress((tmp_path / "patients.csv").read_bytes()))
    names = MODEL_VARIABLES["followup"]
    columns = map(list, zip(*random_patients(names, 3_000), strict=True))
    pq.write_table(pa.table(dict(zip(names, columns, strict=True))), tmp_path / "patients.parquet")
    pq.write_table(patients, tmp_path / "visits" / "a.parquet")
    return tmp_path


def run(script: str, folder: Path) -> None:
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_commands_for_one_file_work(folder: Path) -> None:
    for command in ONE.splitlines():
        run(command, folder)
        assert (folder / "scored.csv").read_text().count("\n") == 3_001
        (folder / "scored.csv").unlink()


def test_the_commands_for_a_folder_work(folder: Path) -> None:
    for command in FOLDER.splitlines():
        run(command, folder)
        assert pq.read_metadata(folder / "scored" / "a.parquet").num_rows == 3_000
        shutil.rmtree(folder / "scored")


@pytest.fixture
def cluster(folder: Path) -> Iterator[str]:
    """Start the document's cluster, with another address and other paths; gives the command to score on it."""
    shutil.copytree(ROOT / "models", folder / "models")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    scheduler, worker, command = (
        script.replace("10.0.0.1", "127.0.0.1").replace("8786", port).replace("/shared", str(folder))
        for script in (SCHEDULER, WORKER, CLUSTER)
    )
    started = [
        subprocess.Popen(["bash", "-c", one], cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True)
        for one in (scheduler, worker)
    ]
    yield command
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_commands_for_a_cluster_work(cluster: str, folder: Path) -> None:
    run(cluster, folder)
    assert pq.read_metadata(folder / "scored" / "a.parquet").num_rows == 3_000


def test_the_document_names_every_added_column_and_word_for_a_missing_value() -> None:
    assert all(f"`{name}`" in DOCUMENT for name in (*ADDED_NAMES, *filter(None, MISSING_WORDS)))

"""The commands of docs/files.md do what it says."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.tables.cells import MISSING_WORDS
from heartapp.tables.columns import ADDED_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "files.md").read_text("utf-8")
ONE, FOLDER, SCHEDULER, WORKER, CLUSTER = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def folder(patients: pa.Table, tmp_path: Path) -> Path:
    """The files that the document names."""
    (tmp_path / "visits").mkdir()
    pa_csv.write_csv(patients, tmp_path / "patients.csv")
    (tmp_path / "patients.csv.gz").write_bytes(gzip.compress((tmp_path / "patients.csv").read_bytes()))
    time = pa.array([BY_NAME["time"].example] * patients.num_rows)
    complete = {name: patients[name] for name in patients.column_names}
    for name, column in complete.items():
        if name != "name":
            complete[name] = column.fill_null(pa.scalar(BY_NAME[name].example, column.type))
    pq.write_table(pa.table({**complete, "time": time}), tmp_path / "patients.parquet")
    pq.write_table(patients, tmp_path / "visits" / "a.parquet")
    return tmp_path


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HEARTAPP_MODELS": str(ROOT / "models")}


def run(script: str, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment(), capture_output=True, check=False
    )
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
def address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def cluster(folder: Path, address: str) -> Iterator[Path]:
    """A scheduler and workers, started with the document's commands; only address and paths are others."""
    shutil.copytree(ROOT / "models", folder / "models")
    started = [_start(SCHEDULER, folder, address), _start(WORKER, folder, address)]
    yield folder
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _start(script: str, folder: Path, address: str) -> subprocess.Popen[bytes]:
    command = ["bash", "-c", _here(script, folder, address)]
    return subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.DEVNULL, start_new_session=True)


def _here(script: str, folder: Path, address: str) -> str:
    host, _, port = address.partition(":")
    script = script.replace("10.0.0.1:8786", address).replace("10.0.0.1", host).replace("8786", port)
    return script.replace("/shared", str(folder))


def test_the_commands_for_a_cluster_work(cluster: Path, address: str) -> None:
    run(_here(CLUSTER, cluster, address), cluster)
    assert pq.read_metadata(cluster / "scored" / "a.parquet").num_rows == 3_000


def test_the_document_names_every_added_column_and_word_for_a_missing_value() -> None:
    assert all(f"`{name}`" in DOCUMENT for name in (*ADDED_NAMES, *filter(None, MISSING_WORDS)))

"""A contender's server is started, checked and stopped with all its processes: here the real heartapp."""

import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from benchmarks import bundle, contender, processes, servers
from benchmarks.contender import CONTENDERS, Contender
from benchmarks.environments import ContenderError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads what only Linux's kernel tells")

PATIENT, TRUTH = bundle.golden()[0]


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contender:
    """heartapp behind Granian, from the environment of these tests."""
    monkeypatch.setattr(contender, "BENCH", tmp_path)
    one = CONTENDERS[0]
    one.run_folder.mkdir(parents=True)
    (one.folder / "venv").symlink_to(sys.prefix)
    return one


def test_heartapp_is_started_measured_and_stopped(ours: Contender) -> None:
    with servers.serving(ours, PATIENT, TRUTH) as server:
        assert server.ready_seconds > 0
        assert not server.is_right(PATIENT, [0.5, 0.5, 0.5, 0.5])
        assert processes.cpu_seconds(server.pid) > 0.1
        tree = processes.tree(server.pid)
        assert len(tree) > 1
        largest = max(process.memory_full_info().pss for process in tree)
        assert processes.memory_bytes(server.pid) > largest > 10_000_000
    assert not psutil.wait_procs(tree, timeout=0)[1]


@pytest.mark.parametrize(
    ("script", "patience", "reason"),
    [
        ("import signal; signal.pause()", 0.1, "no right answer"),
        ("import nothing_such", 60, "No module named 'nothing_such'"),
    ],
)
def test_a_server_without_a_right_answer_has_failed(
    ours: Contender, monkeypatch: pytest.MonkeyPatch, script: str, patience: float, reason: str
) -> None:
    monkeypatch.setattr(servers, "PATIENCE", patience)
    failing = msgspec.structs.replace(ours, command=f"python -c '{script}'")
    with pytest.raises(ContenderError, match=reason), servers.serving(failing, PATIENT, TRUTH):
        pass

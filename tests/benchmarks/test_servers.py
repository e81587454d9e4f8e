"""A contender's server is started, checked and ended, with all its processes: here with the real heartapp."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks import environments, processes, servers
from benchmarks.contender import WORKERS, Command, Contender
from benchmarks.contenders.heartapp.contender import CONTENDER
from benchmarks.patients import Truth, draw, truths
from tests.server.running import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

PATIENTS = draw(5)
TRUTHS = truths(PATIENTS)


@pytest.fixture
def contender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contender:
    """heartapp out of the environment of these tests."""
    monkeypatch.setattr(environments, "BENCH", tmp_path)
    CONTENDER.environment.folder.mkdir()
    (CONTENDER.environment.folder / "venv").symlink_to(sys.prefix)
    return CONTENDER


def test_heartapp_is_served_by_two_workers_answers_rightly_and_is_gone_afterwards(contender: Contender) -> None:
    with servers.serving(contender, PATIENTS[0], TRUTHS[0]) as server:
        wait_until(lambda: len(processes.tree(server.pid)) == 1 + WORKERS, "all workers are there")
        tree = processes.tree(server.pid)
        assert server.start_seconds > 0
        assert server.wrong(PATIENTS, TRUTHS) == 0
        assert server.wrong(PATIENTS[:2], [TRUTHS[0], Truth((0.5, 0.5, 0.5), 0.5)]) == 1

    assert processes.still_running(tree) == []


def test_a_server_that_never_answers_rightly_has_failed(contender: Contender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "PATIENCE", 0.5)
    waiting = replace(contender, start=lambda _port, _folder: Command(("python", "-c", "import time; time.sleep(60)")))

    with (
        pytest.raises(servers.ServerError, match="no right answer"),
        servers.serving(waiting, PATIENTS[0], TRUTHS[0]),
    ):
        pass


def test_a_server_that_ends_by_itself_is_told_of_with_its_error(contender: Contender) -> None:
    failing = replace(contender, start=lambda _port, _folder: Command(("python", "-c", "import nothing_such")))

    with (
        pytest.raises(servers.ServerError, match="No module named 'nothing_such'"),
        servers.serving(failing, PATIENTS[0], TRUTHS[0]),
    ):
        pass

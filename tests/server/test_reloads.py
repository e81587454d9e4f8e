"""Many reloads: memory stays flat, and the server still stops."""

from __future__ import annotations

import re
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server.running import SECRET, running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.running import Server

OLD_WORKER_GONE = r"Stopped old worker-1|Worker exiting"
LEAK = 11.9
"""Megabytes that each reload once cost the server."""


@pytest.fixture
def server(home: Path, program: tuple[str, ...]) -> Iterator[Server]:
    """A server of this test's own, with one worker."""
    with running(home, "--workers", "1", command=program, HEARTAPP_SECRET_KEY=SECRET) as one:
        assert one.get("/readyz").status == 200
        yield one


def reload(server: Server, times: int) -> None:
    """Replace the worker, one time after the other, until only the last one is there and has its models."""
    for _ in range(times):
        expected = gone(server) + 1
        server.signal(signal.SIGHUP)
        wait_until(partial(lambda number: gone(server) == number, expected), "the old worker is gone")
        assert server.get("/readyz").status == 200


def gone(server: Server) -> int:
    """How many workers have been replaced."""
    return len(re.findall(OLD_WORKER_GONE, server.log))


def megabytes(server: Server) -> float:
    """Memory of the server and its workers; what they share counts once."""
    family = [server.process.pid, *children(server.process.pid)]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text("ascii") for pid in family]
    return sum(int(size) for text in rollups for size in re.findall(r"^Pss: +(\d+) kB", text, re.MULTILINE)) / 1024


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii")
    return [int(pid) for pid in listed.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_stays_flat_over_reloads(server: Server) -> None:
    reload(server, 1)
    before = megabytes(server)
    reload(server, 3)
    assert megabytes(server) < before + 2 * LEAK


def test_a_server_that_reloads_again_and_again_stops(server: Server) -> None:
    for _ in range(20):
        server.signal(signal.SIGHUP)
    assert server.stop() == 0

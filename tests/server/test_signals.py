"""Stopping and reloading a server, and losing a worker."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.server.running import BEDSIDE_EXAMPLE, BODY, HALF_SENT, ROOT, WORKER, Server, make_home, running, wait_until

OLD_WORKER_GONE = r"Stopped old worker-1|Worker exiting"
LEAK = 11.9
"""Megabytes that each reload once cost the server."""


def begin_request(server: Server) -> socket.socket:
    """A request whose handling has begun and that waits for the second half of its body."""
    head, _, half = HALF_SENT.partition(b"\r\n\r\n")
    connection = server.connect()
    connection.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1024)
    assert received.startswith(b"HTTP/1.1 100 Continue")
    connection.sendall(half)
    return connection


def finish_request(connection: socket.socket) -> tuple[int, bytes]:
    connection.sendall(BODY[len(BODY) // 2 :])
    with http.client.HTTPResponse(connection) as response:
        response.begin()
        return response.status, response.read()


def test_sigterm_lets_requests_under_way_finish(own_server: Server) -> None:
    expected = own_server.predict(BEDSIDE_EXAMPLE).body
    with ExitStack() as connections:
        waiting = [connections.enter_context(begin_request(own_server)) for _ in range(3)]
        own_server.signal(signal.SIGTERM)
        own_server.wait_for_log(r"(Handling signal: term|Stopping worker-1)")
        assert [finish_request(connection) for connection in waiting] == [(200, expected)] * 3
    assert own_server.wait() == 0


def test_sigterm_ends_a_server_whose_clients_send_no_more(own_server: Server) -> None:
    with ExitStack() as connections:
        connections.enter_context(begin_request(own_server))
        slow = connections.enter_context(own_server.connect())
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: ")
        connections.enter_context(own_server.connect())
        assert own_server.stop() == 0


def test_sigterm_while_workers_start_ends_them(home: Path, program: tuple[str, ...]) -> None:
    with running(home, command=program, ready=WORKER) as server:
        assert server.stop() == 0


def test_ctrl_c_in_a_terminal_stops_all_processes(own_server: Server) -> None:
    os.killpg(own_server.process.pid, signal.SIGINT)
    assert own_server.wait() == 0
    assert "Traceback" not in own_server.log


def test_a_killed_worker_is_replaced(own_server: Server) -> None:
    expected = own_server.predict(BEDSIDE_EXAMPLE).json
    killed = own_server.wait_for_log(WORKER)
    os.kill(int(killed), signal.SIGKILL)
    wait_until(lambda: own_server.wait_for_log(WORKER) != killed, "another worker is started")
    wait_until(own_server.answers, "the other worker answers")
    assert own_server.predict(BEDSIDE_EXAMPLE).json == expected


def reload(server: Server) -> None:
    """Replace the worker, and wait until the old one is gone and the new one has its models."""
    before = gone(server)
    server.signal(signal.SIGHUP)
    wait_until(lambda: gone(server) > before, "the old worker is gone")
    assert server.get("/readyz").status == 200


def gone(server: Server) -> int:
    """How many workers have been replaced."""
    return len(re.findall(OLD_WORKER_GONE, server.log))


def children(server: Server) -> list[str]:
    """The main process's child processes; a replaced worker says that it is gone a little before it is."""
    parent = server.process.pid
    return Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()


def pages(server: Server, kind: str) -> list[float]:
    """Megabytes of such pages in the server's main process and in each worker."""
    sizes = []
    for pid in (server.process.pid, *children(server)):
        with suppress(ProcessLookupError):  # a replaced worker has ended and is still listed
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
            sizes += [int(size) / 1024 for size in re.findall(rf"^{kind}: +(\d+) kB", text, re.MULTILINE)]
    return sizes


def test_sighup_serves_the_version_that_is_named_now(tmp_path: Path, program: tuple[str, ...]) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models", models)
    home = make_home(tmp_path / "home", models=models)
    with running(home, "--workers", "1", command=program) as server:
        before = server.predict(BEDSIDE_EXAMPLE).json
        shutil.copytree(models / "bedside" / before["model"]["version"], models / "bedside" / "other")
        path = models / "bedside" / "other" / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "version": "other"}))
        (models / "served.toml").write_text('bedside = "other"\n')
        assert server.predict(BEDSIDE_EXAMPLE).json == before

        reload(server)
        after = server.predict(BEDSIDE_EXAMPLE).json
    assert after["model"]["version"] == "other"
    assert after["model"]["digest"] != before["model"]["digest"]
    assert after["risk"] == before["risk"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_stays_flat_over_reloads(own_server: Server) -> None:
    reload(own_server)
    wait_until(lambda: len(children(own_server)) == 1, "the replaced worker has ended")
    before = sum(pages(own_server, "Pss_Anon"))  # what processes share counts once
    for _ in range(3):
        reload(own_server)
    wait_until(lambda: len(children(own_server)) == 1, "the replaced workers have ended")
    assert sum(pages(own_server, "Pss_Anon")) < before + 2 * LEAK


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_granians_workers_share_most_of_what_its_main_process_loaded(home: Path) -> None:
    with running(home, "--workers", "2") as server:
        for _ in range(16):
            assert server.predict(BEDSIDE_EXAMPLE).status == 200
        assert pages(server, "Shared_Dirty")[0] > pages(server, "Private_Dirty")[0]


def test_a_server_that_reloads_again_and_again_stops(own_server: Server) -> None:
    for _ in range(20):
        own_server.signal(signal.SIGHUP)
    assert own_server.stop() == 0

"""Stopping, reloading and losing a worker."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.server.running import BEDSIDE_EXAMPLE, ROOT, SECRET, WORKER, make_home, running, wait_until

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.running import Server

BODY = json.dumps(BEDSIDE_EXAMPLE).encode()
HALF = len(BODY) // 2


@pytest.fixture
def server(home: Path, program: tuple[str, ...]) -> Iterator[Server]:
    """A server of this test's own, with one worker."""
    with running(home, "--workers", "1", command=program, HEARTAPP_SECRET_KEY=SECRET) as one:
        assert one.get("/livez").status == 200
        yield one


def begin_request(server: Server) -> socket.socket:
    """A request whose handling has begun and that waits for the second half of its body."""
    connection = server.connect()
    head = (
        "POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
    )
    connection.sendall(head.encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1024)
    assert received.startswith(b"HTTP/1.1 100 Continue")
    connection.sendall(BODY[:HALF])
    return connection


def finish_request(connection: socket.socket) -> tuple[int, bytes]:
    with connection:
        connection.sendall(BODY[HALF:])
        response = http.client.HTTPResponse(connection)
        response.begin()
        with response:
            return response.status, response.read()


def test_sigterm_lets_requests_under_way_finish(server: Server) -> None:
    expected = server.predict(BEDSIDE_EXAMPLE).body
    with ExitStack() as connections:
        waiting = [connections.enter_context(begin_request(server)) for _ in range(3)]
        server.signal(signal.SIGTERM)
        server.wait_for_log(r"(Handling signal: term|Stopping worker-1)")
        assert [finish_request(connection) for connection in waiting] == [(200, expected)] * 3
    assert server.wait() == 0


def test_sigterm_ends_a_server_whose_clients_send_no_more(server: Server) -> None:
    with ExitStack() as connections:
        connections.enter_context(begin_request(server))
        slow = connections.enter_context(server.connect())
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: ")
        connections.enter_context(server.connect())
        assert server.stop() == 0


def test_sigterm_while_workers_start_ends_them(home: Path, program: tuple[str, ...]) -> None:
    with running(home, command=program, ready=WORKER, HEARTAPP_SECRET_KEY=SECRET) as server:
        assert server.stop() == 0


def test_a_terminals_ctrl_c_which_reaches_a_group_of_processes_stops_them_all(server: Server) -> None:
    assert server.get("/livez").status == 200
    os.killpg(server.process.pid, signal.SIGINT)
    assert server.wait() == 0
    assert "Traceback" not in server.log


def test_a_killed_worker_is_replaced(server: Server) -> None:
    expected = server.predict(BEDSIDE_EXAMPLE).json
    killed = server.wait_for_log(WORKER)
    os.kill(int(killed), signal.SIGKILL)
    wait_until(lambda: server.wait_for_log(WORKER) != killed, "another worker is started")
    wait_until(server.answers, "the other worker answers")
    assert server.predict(BEDSIDE_EXAMPLE).json == expected


def test_sighup_serves_the_version_that_is_named_now(tmp_path: Path, program: tuple[str, ...]) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models", models)
    home = make_home(tmp_path / "home", models=models)
    with running(home, "--workers", "1", command=program, HEARTAPP_SECRET_KEY=SECRET) as server:
        before = server.predict(BEDSIDE_EXAMPLE).json
        add_version(models / "bedside", "1", "2")
        (models / "served.toml").write_text('bedside = "2"\nfollowup = "1"\n')
        assert server.predict(BEDSIDE_EXAMPLE).json == before

        server.signal(signal.SIGHUP)
        server.wait_for_log(r"(Stopped old worker-1|Worker exiting)")
        after = server.predict(BEDSIDE_EXAMPLE).json
    assert after["model"]["version"] == "2"
    assert after["model"]["digest"] != before["model"]["digest"]
    assert after["risk"] == before["risk"]


def add_version(model: Path, old: str, new: str) -> None:
    """The same model as another version."""
    shutil.copytree(model / old, model / new)
    path = model / new / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "version": new}))

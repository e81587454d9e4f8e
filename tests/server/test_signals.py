"""Stopping, reloading and losing a worker."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.server.running import BEDSIDE_EXAMPLE, ROOT, make_home, running, wait_until

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from tests.server.running import Server

BODY = json.dumps(BEDSIDE_EXAMPLE).encode()
HALF = len(BODY) // 2
BOOTED = r"Booting worker with pid: (\d+)"


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


def test_sigterm_lets_requests_in_flight_be_answered_and_ends_with_status_0(home: Path) -> None:
    with running(home, "--workers", "1") as server, ExitStack() as connections:
        expected = server.predict(BEDSIDE_EXAMPLE).body
        waiting = [connections.enter_context(begin_request(server)) for _ in range(3)]
        server.signal(signal.SIGTERM)
        server.wait_for_log(r"(Handling signal: term)")
        assert [finish_request(connection) for connection in waiting] == [(200, expected)] * 3
        assert server.wait() == 0


def test_a_terminals_ctrl_c_which_reaches_every_process_stops_them_all_at_once(home: Path) -> None:
    with running(home, "--workers", "1") as server:
        server.predict(BEDSIDE_EXAMPLE)
        os.kill(int(server.wait_for_log(BOOTED)), signal.SIGINT)
        server.signal(signal.SIGINT)
        assert server.wait() == 0
        assert "SIGKILL" not in server.log


def test_a_killed_worker_is_replaced_and_the_new_one_answers(home: Path) -> None:
    with running(home, "--workers", "1") as server:
        expected = server.predict(BEDSIDE_EXAMPLE).json
        killed = server.wait_for_log(BOOTED)
        os.kill(int(killed), signal.SIGKILL)
        wait_until(lambda: server.wait_for_log(BOOTED) != killed, "another worker is started")
        assert server.predict(BEDSIDE_EXAMPLE).json == expected
        assert server.stop() == 0


TOLD_TO_STOP_AT_ONCE = """

def post_fork(server, worker):
    if worker.age == 1:
        os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_worker_that_is_told_to_stop_before_it_has_begun_stops(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with (home / "gunicorn.conf.py").open("a", encoding="utf-8") as settings:
        settings.write(TOLD_TO_STOP_AT_ONCE)
    with running(home, "--workers", "1") as server:
        first = server.wait_for_log(BOOTED)
        server.wait_for_log(rf"(Worker exiting \(pid: {first}\))")
        assert server.predict(BEDSIDE_EXAMPLE).status == HTTPStatus.OK
        assert server.stop() == 0


def test_a_master_hears_signals_still_after_it_reloaded_into_these_settings(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    settings = home / "gunicorn.conf.py"
    ours = settings.read_text("utf-8")
    settings.write_text('wsgi_app = "heartapp:create_app()"\n', "utf-8")
    with running(home, "--workers", "1") as server:
        first = server.wait_for_log(BOOTED)
        settings.write_text(ours, "utf-8")
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.wait_for_log(BOOTED) != first, "another worker is started")
        assert server.predict(BEDSIDE_EXAMPLE).status == HTTPStatus.OK
        assert server.stop() == 0


def test_sighup_serves_the_version_that_is_named_now(tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models", models)
    with running(make_home(tmp_path / "home", models=models), "--workers", "1") as server:
        before = server.predict(BEDSIDE_EXAMPLE).json
        add_version(models / "bedside", "1", "2")
        (models / "served.toml").write_text('bedside = "2"\nfollowup = "1"\n')
        assert server.predict(BEDSIDE_EXAMPLE).json == before

        server.signal(signal.SIGHUP)
        wait_until(lambda: server.get("/readyz").json["models"]["bedside"] == "2", "version 2 is served")
        after = server.predict(BEDSIDE_EXAMPLE).json
    assert after["model"]["version"] == "2"
    assert after["model"]["digest"] != before["model"]["digest"]
    assert after["risk"] == before["risk"]


def add_version(model: Path, old: str, new: str) -> None:
    """The same model as another version."""
    shutil.copytree(model / old, model / new)
    path = model / new / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "version": new}))

"""What of the server needs none running; the rest is in tests/server."""

from __future__ import annotations

import errno
import os
import socket
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from heartapp import server
from heartapp.errors import ConfigError
from heartapp.web.extension import get_registry
from tests.client import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask import Flask

Served = list[tuple["Flask", dict[str, Any]]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A development machine's empty home."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "development.toml").write_text('environment = "development"\n')
    monkeypatch.setenv("HEARTAPP_HOME", str(tmp_path))
    monkeypatch.setenv("HEARTAPP_CONFIG", "config/development.toml")
    monkeypatch.setenv("HEARTAPP_MODELS", str(SHIPPED))
    return tmp_path


@pytest.fixture
def waitress(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Stands in for waitress, which is installed on Windows alone; what it was asked to serve."""
    served: Served = []
    fake: Any = ModuleType("waitress")
    fake.serve = lambda app, **options: served.append((app, options))
    monkeypatch.setitem(sys.modules, "waitress", fake)
    return served


def test_waitress_serves_an_application_whose_models_are_loaded(
    home: Path, waitress: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTAPP_SECRET_KEY", "k3y-of-this-test-0123456789abcdef")
    server.serve_waitress("127.0.0.1", 8123)
    ((app, options),) = waitress
    assert options == {"host": "127.0.0.1", "port": 8123, "ident": None}
    assert get_registry(app)._loaded is not None
    assert app.test_client().get("/readyz").status_code == 200
    assert not (home / "instance").exists()


def test_on_windows_waitress_serves_with_a_key_that_the_machine_made_for_itself(
    home: Path, waitress: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(server, "check_address", lambda *_: None)
    server.serve("::1", 8123, workers=2)
    ((app, _),) = waitress
    assert app.config["SECRET_KEY"] == (home / "instance" / "secret_key").read_text("utf-8").strip()
    assert capsys.readouterr().out == "heartapp (development): http://[::1]:8123/  (Ctrl-C stops it)\n"


def test_nothing_is_started_where_a_setting_is_wrong(
    home: Path, waitress: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEARTAPP_MAX_PATIENTS", "none")
    with pytest.raises(ConfigError, match="max_patients"):
        server.serve("127.0.0.1", 8123, workers=2)
    assert waitress == []
    assert capsys.readouterr().out == ""
    assert not (home / "instance").exists()


# The address


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens already."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_a_free_address_is_let_pass_and_stays_free(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(server, "sys", SimpleNamespace(platform=platform))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for _ in range(2):
        server.check_address("127.0.0.1", port)
        server.check_address("localhost", 0)


def test_a_port_in_use_is_told_with_the_way_to_another(
    home: Path, waitress: Served, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        server.serve("127.0.0.1", taken, workers=2)
    assert str(refused.value).startswith(f"port {taken} is in use at 127.0.0.1; stop what listens there, or name ")
    assert "--port" in str(refused.value)
    assert (home, waitress, capsys.readouterr().out) == (home, [], "")


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a" * 70, "::zz", "127.0.0.1.1"])
def test_a_host_that_is_not_of_this_machine_is_told_with_those_that_are(host: str) -> None:
    with pytest.raises(ConfigError, match=r"is no address of this machine; take 127\.0\.0\.1 for this machine alone"):
        server.check_address(host, 0)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "port 80 may not be used without special rights; name one from 1024 up with --port"),
        (errno.EAFNOSUPPORT, "nothing can listen on port 80 of ::1: of the test"),
    ],
)
def test_what_else_keeps_a_server_from_listening_is_told(
    monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "of the test")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(ConfigError, match=f"^{told}"):
        server.check_address("::1", 80)


@pytest.mark.parametrize(("workers", "told"), [(3, ["--workers", "3"]), (None, [])])
def test_gunicorn_is_told_the_number_of_workers_where_one_is_named_and_finds_it_itself_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch, workers: int | None, told: list[str]
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: started.append(arguments))
    exec_gunicorn: Callable[..., object] = server.exec_gunicorn
    exec_gunicorn("::1", 8123, workers)
    (arguments,) = started
    assert arguments[1:3] == ["-m", "gunicorn"]
    assert arguments[-2 - len(told) :] == ["--bind", "[::1]:8123", *told]
    assert str(home / "gunicorn.conf.py") in arguments


@pytest.mark.parametrize(
    ("host", "written"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "localhost")]
)
def test_an_address_of_ipv6_stands_in_brackets(host: str, written: str) -> None:
    assert server._bracketed(host) == written

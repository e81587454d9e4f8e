"""What of the server needs none running; the rest is in tests/server."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from heartapp import server
from heartapp.errors import ConfigError
from heartapp.web.extension import get_registry
from tests.client import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Callable
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

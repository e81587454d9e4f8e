"""The parts of `heartapp serve` that need no running server; the rest is in tests/server."""

import logging
import os
import signal
from types import SimpleNamespace

import pytest
from flask import Flask, Response, request
from werkzeug.test import create_environ

from heartapp import serve
from heartapp.config import Settings
from heartapp.errors import ConfigError
from heartapp.web.extension import get_registry
from heartapp.web.middleware import STREAMED
from tests.client import SHIPPED


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_a_free_address_becomes_a_number_and_a_port(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(serve, "sys", SimpleNamespace(platform=platform))
    address, port = serve.check_address("localhost", 0)
    assert address in {"127.0.0.1", "::1"}
    assert serve.check_address(address, port) == (address, port)


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a" * 70, "::zz"])
def test_a_host_that_is_not_of_this_machine_is_refused_with_those_that_are(host: str) -> None:
    with pytest.raises(ConfigError, match=rf"^cannot listen at --host {host} --port 80: .*; use 127\.0\.0\.1"):
        serve.check_address(host, 80)


def test_a_signal_during_a_reload_is_not_lost() -> None:
    interrupt = serve._Interrupt()
    interrupt.set()  # SIGHUP
    interrupt.wait()
    interrupt.set()  # SIGTERM
    interrupt.clear()
    interrupt.wait()


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_a_worker_loads_the_models_before_it_serves(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    handled: list[int] = []
    monkeypatch.setattr(serve, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(signal, "signal", lambda number, _: handled.append(number))
    monkeypatch.setattr(os, "setpgrp", lambda: handled.append(0))
    app = serve.load_application(Settings(models=str(SHIPPED)))
    assert get_registry(app)._loaded is not None
    assert handled == ([signal.SIGTERM, 0] if platform == "linux" else [signal.SIGTERM])


@pytest.mark.parametrize(("method", "empty"), [("GET", False), ("HEAD", True)])
def test_a_body_is_sent_as_a_list_and_closed(method: str, *, empty: bool) -> None:
    closed: list[bool] = []
    app = Flask(__name__)

    @app.get("/")
    def view() -> Response:
        response = Response("body")
        response.call_on_close(lambda: closed.append(True))
        return response

    body = serve._send_whole(app)(create_environ(method=method), lambda *_: lambda _: None)
    assert body == ([] if empty else [b"body"])
    assert closed == [True]


def test_a_streamed_answer_is_sent_as_it_comes() -> None:
    app = Flask(__name__)

    @app.get("/")
    def view() -> Response:
        request.environ[STREAMED] = True
        return Response(iter(["one", "two"]))

    body = serve._send_whole(app)(create_environ(), lambda *_: lambda _: None)
    assert not isinstance(body, list)
    assert [*body] == [b"one", b"two"]


@pytest.mark.parametrize(("message", "kept"), [("Listening at: http://x", False), ("Started worker-1", True)])
def test_granians_log_leaves_out_a_url_that_does_not_answer_yet(message: str, *, kept: bool) -> None:
    record = logging.LogRecord("_granian", logging.INFO, __file__, 1, message, None, None)
    assert serve._is_useful(record) is kept

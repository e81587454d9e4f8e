"""``heartapp serve``: the application under Granian, on Linux, macOS and Windows."""

import gc
import http.client
import ipaddress
import logging
import logging.config
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import numpy.ma
import numpy.random  # noqa: F401 - numpy imports these two when a worker uses them, which then shares them
from flask import Flask
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.http import HTTP1Settings
from granian.server import Server

from heartapp import create_app
from heartapp.config import Settings, read_settings
from heartapp.errors import ConfigError
from heartapp.web import observe
from heartapp.web.extension import get_registry
from heartapp.web.logs import describe_logs
from heartapp.web.middleware import STREAMED

BLOCKING_THREADS: Final = 64
"""Python threads of one worker, made when needed. A body that arrives slowly holds one until it is complete."""
CONNECTIONS: Final = 4_096
"""Open connections of one worker. Idle ones and slow headers count too; more wait in the kernel's queue."""
HEADER_TIMEOUT: Final = 10_000
"""Milliseconds in which the headers of a request must arrive."""


def serve(host: str, port: int, workers: int) -> None:
    """Check settings and address, then serve until a signal stops the process.

    SIGTERM and SIGINT let requests under way finish. SIGHUP replaces the workers by new ones with the bundles that are
    on disk then; the settings stay those of the start.

    Args:
        host: name or address to listen on.
        port: 0 takes any free port.
        workers: processes; Granian runs one on Windows.

    Raises:
        ConfigError: a setting is wrong, or the address cannot be used; nothing was started.
    """
    settings = read_settings()
    address, port = check_address(host, port)
    # numpy's linear algebra would start threads that nothing here needs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    observe.prepare(settings)
    # Workers are forked and share what is loaded now, until their first garbage collection would write to all of it.
    get_registry(create_app(settings)).read()
    gc.freeze()
    server = Server(
        "heartapp",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        runtime_mode=RuntimeModes.st,  # `mt` can miss that its last task has ended, and then never stops
        workers=workers,
        blocking_threads=BLOCKING_THREADS,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT),
        log_dictconfig=describe_logs(settings),
        respawn_failed_workers=True,
        respawn_interval=2.0,  # seconds until a reload stops an old worker; the new one needs less to load the models
        workers_kill_timeout=5,  # seconds in which a worker that stops may finish its requests
    )
    server.main_loop_interrupt = _Interrupt()  # type: ignore[assignment]  # has what Granian uses of an Event
    logging.getLogger("_granian").addFilter(_is_useful)
    threading.Thread(target=_announce, args=(address, port), daemon=True).start()
    server.serve(target_loader=partial(load_application, settings), wrap_loader=False)


class _Interrupt:
    """Wakes Granian's main process after a signal: `wait` returns once for each `set`.

    Granian's own `threading.Event` deadlocks when a handler sets it at the wrong moment, and loses a signal that comes
    just before `clear`.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        self._calls.put(None)

    def wait(self) -> None:
        # If the kernel gives a signal to another thread, Python runs the handler when this thread wakes up.
        while True:
            with suppress(Empty):
                return self._calls.get(timeout=0.5)

    def clear(self) -> None:
        """`wait` has done so."""


def check_address(host: str, port: int) -> tuple[str, int]:
    """The numeric address and the port to listen on.

    Granian takes no names, and would share the port with any other server of the same user.

    Raises:
        ConfigError: nothing can listen there.
    """
    try:
        (family, *_, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family) as probe:
            if sys.platform != "win32":  # On Windows this option would let two servers share a port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            name: tuple[str, int] = probe.getsockname()[:2]
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"cannot listen at --host {host} --port {port}: {error}; use 127.0.0.1, or 0.0.0.0 for every network, and "
            "a port from 1024 up on which nothing listens"
        ) from None
    return name


def load_application(settings: Settings) -> Flask:
    """The application with its models loaded, in a worker before it accepts connections."""
    # Until Granian sets its own handlers, a forked worker has the main process's, which only set a flag there.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform != "win32":
        os.setpgrp()  # The main process passes on a terminal's Ctrl-C. A worker that gets a second signal hangs.
    logging.config.dictConfig(describe_logs(settings))
    app = create_app(settings)
    app.wsgi_app = _send_whole(app.wsgi_app)  # type: ignore[method-assign, assignment]  # as Flask advises
    registry = get_registry(app)
    registry.load()
    registry.follow()
    observe.start(app, settings)
    return app


def _send_whole(application: WSGIApplication) -> WSGIApplication:
    """Have headers and body sent together, which Granian does for a list. The report on a cohort shows its progress.

    A proxy that has passed on headers cannot ask another replica if this one is killed before the body.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body: Any = application(environ, start_response)  # Flask's bodies can all be closed
        if environ.get(STREAMED):
            return cast("Iterable[bytes]", body)
        with closing(body):
            return [*body]

    return answer


def _announce(address: str, port: int) -> None:
    """Print the URL as soon as it answers."""
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - compared, not listened on
    while not _answers(loopback, port):
        time.sleep(0.05)
    name = f"[{loopback}]" if ipaddress.ip_address(loopback).version == 6 else loopback  # noqa: PLR2004 - IPv6
    print(f"heartapp: http://{name}:{port}/  (Ctrl-C stops it)", flush=True)  # noqa: T201 - for a person


def _answers(address: str, port: int) -> bool:
    with closing(http.client.HTTPConnection(address, port)) as connection:
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/livez")
            connection.getresponse()
            return True
        return False


def _is_useful(record: logging.LogRecord) -> bool:
    """Leave out a URL that does not answer yet, and a warning about the number of threads, which is on purpose."""
    return not str(record.msg).startswith(("Listening at", "Configuration allows spawning"))

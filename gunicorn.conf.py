"""gunicorn's settings for heartapp; its command line and ``GUNICORN_CMD_ARGS`` win over this file."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

# Called anew at each reload, so that the settings are read anew too.
wsgi_app = "heartapp:create_app()"
bind = "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))

# A thread pool in each worker (gthread), so that a slow client holds a thread and not the worker. Tried beside it, as
# processor time per request: `sync` saves a little and lets one slow client stop a worker; gevent saves more and
# rewrites the standard library under numpy and onnxruntime; gunicorn's C parser, used wherever gunicorn_h1c is there,
# saves a little and has no wheels to lock; one thread or two instead of four is the same within the noise.
worker_class = "heartapp.worker.Worker"
threads = 4
keepalive = 5
timeout = 30
graceful_timeout = 30

# The master makes the application and reads the bundles in `when_ready`; the workers share that memory and start at
# once. gunicorn's own preloading would come before the settings are checked. What does not survive a fork is made after
# it: onnxruntime, which starts threads, is imported in the workers alone.
preload_app = False
# numpy's linear algebra starts threads too, and nothing here needs them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Requests are logged without query string, which could be made to carry anything, and without bodies.
accesslog = None
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)s %(M)sms'

# Workers report that they live through a file; memory instead of a disk that may stall.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - Linux's shared memory, not a shared /tmp
control_socket_disable = True

_STOPS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)


def on_starting(_server: Arbiter) -> None:
    """Stop with one clear line where a setting is wrong, instead of a worker that cannot boot."""
    from heartapp.config import load_settings  # noqa: PLC0415 - gunicorn reads this file before the path is set up
    from heartapp.errors import ConfigError  # noqa: PLC0415 - the same

    try:
        load_settings()
    except ConfigError as error:
        sys.exit(f"heartapp: {error}")


def when_ready(server: Arbiter) -> None:
    """Read the bundles before the first fork."""
    _read_bundles(server)


def on_reload(server: Arbiter) -> None:
    """Read settings and bundles anew, before new workers are forked; with wrong settings all stays as it is."""
    from heartapp.errors import ConfigError  # noqa: PLC0415 - gunicorn reads this file before the path is set up

    before = server.app.callable
    server.app.callable = None
    try:
        _read_bundles(server)
    except ConfigError as error:
        server.app.callable = before
        server.log.error("not reloaded, the settings stay as they were: %s", error)  # noqa: TRY400 - one line, no trace


def _read_bundles(server: Arbiter) -> None:
    from heartapp.web.extension import get_registry  # noqa: PLC0415 - the same

    get_registry(server.app.wsgi()).read()
    _settle()


def _settle() -> None:
    # What is there now stays: the collector would look through it in vain, and by writing to it copy it in each worker.
    # What loading left free goes back to the system, where the C library can do that (glibc).
    gc.collect()
    gc.freeze()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def pre_fork(_server: Arbiter, _worker: Worker) -> None:
    """Keep signals waiting until the worker can hear them.

    Between the fork and the worker's own handlers it has the master's, which put a signal into a queue that nobody
    reads there. A worker that was told to stop in that instant would go on until it is killed.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)


def _hear_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


# For the master, even where the fork fails. Here and not in a hook, for a reload reads this file anew and nothing else;
# once more does no harm.
os.register_at_fork(after_in_parent=_hear_signals)


def post_worker_init(worker: Worker) -> None:
    """Load the models before the first request, and after the fork."""
    # A terminal's Ctrl-C reaches workers and master alike; the master passes it on. Heard twice, a worker's thread pool
    # waits for itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _hear_signals()
    from heartapp.web.extension import get_registry  # noqa: PLC0415 - needs the application's path

    get_registry(worker.app.wsgi()).load()
    _settle()

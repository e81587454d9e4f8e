"""Prometheus metrics of all workers of a server, on a listener of its own.

Each worker writes its numbers to files in one folder, which outlive it: its successor goes on with them. One worker
listens and answers for all of them; when it ends, another one takes over. The folder lasts as long as the server.
"""

import atexit
import os
import shutil
import socket
import tempfile
import threading
import time
from collections import Counter as Counts
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Any, Final, cast
from wsgiref.types import StartResponse, WSGIEnvironment

from filelock import FileLock, Timeout
from flask import Flask, Response, g, request, request_finished, request_started
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    make_wsgi_app,
    start_http_server,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from heartapp.clinical.variables import BY_NAME
from heartapp.config import Settings, find
from heartapp.errors import ConfigError
from heartapp.inference.model import Model, Prediction, Scores
from heartapp.inference.registry import ModelRegistry
from heartapp.keys import FILE, KeyFile
from heartapp.web.access import find_client
from heartapp.web.extension import get_registry
from heartapp.web.observe import predicted, refused

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable of prometheus_client with the folder of the files."""
WINDOW: Final = 1_000
SECONDS: Final = 1.0
"""How often a worker writes what it knows of recent predictions, and tries to listen."""
LATENCIES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TENTHS: Final = tuple(tenth / 10 for tenth in range(1, 11))

_OWN: Final[dict[str, Any]] = {"namespace": "heartapp", "registry": None}
_LIVE: Final[dict[str, Any]] = {**_OWN, "multiprocess_mode": "livesum"}
REQUESTS: Final = Counter("requests", "Answers, by the rule of the address.", ["route", "status"], **_OWN)
LATENCY: Final = Histogram("request_seconds", "Time until the answer begins.", ["route"], buckets=LATENCIES, **_OWN)
PREDICTIONS: Final = Counter("predictions", "Patients that were predicted.", ["model", "version", "digest"], **_OWN)
RISK: Final = Histogram("risk", "Predicted risks.", ["model"], buckets=TENTHS, **_OWN)
CAUTIONS: Final = Counter("cautions", "Cautions in answers.", ["model", "kind"], **_OWN)
REFUSED: Final = Counter("refused_fields", "Faulty fields of patients.", ["field"], **_OWN)
SWAPS: Final = Counter("swaps", "Promotions that workers noticed.", ["model", "outcome"], **_OWN)
RECENT: Final = Gauge("recent_predictions", "The last 1,000 predictions of each worker.", ["model"], **_LIVE)
RECENT_RISK: Final = Gauge("recent_risk", "The sum of their risks.", ["model"], **_LIVE)
RECENT_OUTSIDE: Final = Gauge("recent_outside_support", "Those with too few similar patients.", ["model"], **_LIVE)


def prepare(address: str) -> None:
    """Check the address and make the folder, in the main process.

    Raises:
        ConfigError: nothing can listen at the address.
    """
    host, port = _split(address)
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"metrics_address: cannot listen at {address}: {error}; name a free one") from None
    os.environ[FOLDER] = folder = tempfile.mkdtemp(prefix="heartapp-metrics-")
    atexit.register(_remove, folder, os.getpid())


def start(app: Flask, settings: Settings) -> None:
    """Count what happens in this worker, and listen if no other worker does.

    Raises:
        ConfigError: the main process has not prepared it.
    """
    if FOLDER not in os.environ:
        raise ConfigError("metrics_address needs a restart of the server; for gunicorn, with -c gunicorn.conf.py")
    worker = app.extensions["heartapp.metrics"] = Worker(Path(os.environ[FOLDER]), app, settings)
    threading.Thread(target=worker.run, args=_split(settings.metrics_address), name="metrics", daemon=True).start()


class Worker(Collector):
    """Writes the numbers of this worker and reads those of all.

    The names of the files have the number of a place that one running worker at a time has, so that there are only as
    many files as workers at a time.
    """

    def __init__(self, folder: Path, app: Flask, settings: Settings) -> None:
        self._folder = folder
        place, self._lock = next((place, lock) for place in count() if (lock := self._take(place)))
        values.ValueClass = values.MultiProcessValue(lambda: place)
        registry = CollectorRegistry()
        registry.register(self)
        self._page = make_wsgi_app(registry)
        self._keys = KeyFile(find(FILE)) if settings.require_keys else None
        self._recent: dict[str, deque[tuple[float, bool]]] = {}
        get_registry(app).swapped.connect(self._swapped)
        request_started.connect(self._begun, app)
        request_finished.connect(self._finished, app)
        predicted.connect(self._predicted)
        refused.connect(self._refused)

    def run(self, host: str, port: int) -> None:
        """Do what is due each second, for as long as the process lives."""
        listening = False
        while True:
            if not listening:
                with suppress(OSError):
                    start_http_server(port, host, CollectorRegistry())[0].set_app(self.answer)
                    listening = True
            self._write_recent()
            time.sleep(SECONDS)

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The page with the metrics, for those who may read it."""
        if self._keys and not find_client(self._keys, environ.get("HTTP_AUTHORIZATION", ""), "metrics"):
            start_response("401 Unauthorized", [("WWW-Authenticate", "Bearer")])
            return [b"Send the header Authorization: Bearer and a key with the scope metrics.\n"]
        return cast("Iterable[bytes]", self._page(environ, start_response))

    def collect(self) -> Iterable[Metric]:
        """The metrics of all workers, without the gauges of those that have ended."""
        self._write_recent()
        for lock in self._folder.glob("*.lock"):
            if ended := self._take(int(lock.stem)):
                ended.release()
        return cast("Iterable[Metric]", MultiProcessCollector(None, str(self._folder)).collect())

    def _take(self, place: int) -> FileLock | None:
        """Lock a place that no running worker has, and forget the gauges of the worker that had it."""
        lock = FileLock(self._folder / f"{place}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return None
        (self._folder / f"gauge_livesum_{place}.db").unlink(missing_ok=True)
        return lock

    def _write_recent(self) -> None:
        for name, recent in [*self._recent.items()]:
            risks, outside = zip(*[*recent], strict=True)
            RECENT.labels(name).set(len(risks))
            RECENT_RISK.labels(name).set(sum(risks))
            RECENT_OUTSIDE.labels(name).set(sum(outside))

    def _begun(self, _app: Flask) -> None:
        g.begun = time.perf_counter()

    def _finished(self, _app: Flask, response: Response) -> None:
        route = str(request.url_rule or "none")
        REQUESTS.labels(route, response.status_code).inc()
        LATENCY.labels(route).observe(time.perf_counter() - g.begun)

    def _predicted(self, model: Model, answers: Sequence[Prediction] | Scores) -> None:
        if isinstance(answers, Scores):
            found = [*zip(answers.risk.tolist(), map(str.split, answers.cautions.tolist()), strict=True)]
        else:
            found = [(one.risk, [caution.kind for caution in one.cautions]) for one in answers]
        name, version, digest = model.name, model.identity.version, model.identity.digest
        PREDICTIONS.labels(name, version, digest).inc(len(found))
        for kind, times in Counts(chain.from_iterable(kinds for _, kinds in found)).items():
            CAUTIONS.labels(name, kind).inc(times)
        risks = RISK.labels(name)
        for risk, _ in found:
            risks.observe(risk)
        if found:
            recent = self._recent.setdefault(name, deque(maxlen=WINDOW))
            recent.extend((risk, "little_support" in kinds) for risk, kinds in found)

    def _refused(self, _sender: object, fields: Iterable[str]) -> None:
        for name, times in Counts(name if name in BY_NAME else "other" for name in fields).items():
            REFUSED.labels(name).inc(times)

    def _swapped(self, _registry: ModelRegistry, name: str, outcome: str) -> None:
        SWAPS.labels(name, outcome).inc()


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _remove(folder: str, owner: int) -> None:
    """Remove the folder when the main process ends; a worker inherits the order to do so."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)

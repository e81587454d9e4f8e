"""The batch contest: many patients in one request, and the same work without a server."""

from __future__ import annotations

import http.client
import time
from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec

from benchmarks.patients import load
from heartapp.api.answers import PredictionList
from heartapp.api.body import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.patients import Patient, Truth
    from benchmarks.servers import Server

REPEATS: Final = 3


def served(server: Server, patients: Sequence[Patient], truths: Sequence[Truth]) -> tuple[float, int]:
    """Rows per second of one client that sends all patients in one request, and how many rows were wrong."""
    body = server.contender.body(patients)
    answers: list[tuple[int, bytes]] = []

    def ask() -> None:
        answers.append(server.connection.post(body))

    try:
        seconds = _median_seconds(ask)
    except (OSError, http.client.HTTPException):
        return 0.0, len(truths)
    wrong = sum(
        server.contender.wrong(content, truths) if status == http.HTTPStatus.OK else len(truths)
        for status, content in answers
    )
    return len(patients) / seconds, wrong


def in_process(body: bytes, count: int) -> float:
    """Rows per second of decoding, scoring and encoding in this process, as heartapp does."""
    model = load()

    def answer() -> bytes:
        read = read_rows(body, model.names, model.required, most=count)
        return msgspec.json.encode(PredictionList([model.predict(row) for row in read.rows]))

    return count / _median_seconds(answer)


def _median_seconds(work: Callable[[], object]) -> float:
    """The median of a few runs, after one that warms up."""
    work()
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return median(seconds)

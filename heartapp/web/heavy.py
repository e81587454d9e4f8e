"""A queue for requests that take long, so that they delay the short ones little.

One heavy request is computed at a time in each process, and a few wait for it; more are asked to come back.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Final

from heartapp.web.problems import RequestError

LIGHT: Final = 100_000
"""The most bytes of a body that is no heavy request: about a thousand patients, some 20 ms."""
PATIENT: Final = 60
"""The bytes of a patient in JSON."""
DETAILED: Final = 50
"""How many times longer a patient takes with survival, explanation or instability."""
WAITING: Final = 2
"""Requests that may wait; each holds a thread, of which gunicorn has four."""
PATIENCE: Final = 5.0
"""Seconds that a request waits."""


class HeavyQueue:
    """The queue of one process."""

    def __init__(self, waiting: int = WAITING, patience: float = PATIENCE) -> None:
        """Make a queue in which ``waiting`` requests wait at most ``patience`` seconds."""
        self._places = BoundedSemaphore(1 + waiting)
        self._turn = BoundedSemaphore(1)
        self._patience = patience

    def turn(self, content: bytes, *, detailed: bool = False) -> AbstractContextManager[None]:
        """Wait for the turn of a request with this body; a light one need not wait.

        A line of CSV is counted as a patient in JSON, which takes as long and more bytes.

        Raises:
            RequestError: too many wait, or it has waited too long; with the status 503.
        """
        size = max(len(content), PATIENT * content.count(b"\n"))
        return self._wait() if size * (DETAILED if detailed else 1) > LIGHT else nullcontext()

    @contextmanager
    def _wait(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._turn.acquire(timeout=self._patience):
                raise _busy()
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()


def _busy() -> RequestError:
    detail = "Too many large requests are under way; send this one again in a second, or fewer patients at a time."
    return RequestError(detail, HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "1"})

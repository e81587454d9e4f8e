"""gunicorn's worker with a pool of threads, sending each answer in one go.

gunicorn sends head and body apart. That is a system call more, after which the thread queues for the interpreter again,
about a fifth of a constant answer's processor time. It also leaves an instant in which a killed process has sent half
an answer, which no balancer can mend.
"""

from __future__ import annotations

from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

from heartapp.web.security import ALWAYS


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The class to name in ``worker_class``."""

    def init_process(self) -> None:
        """Put the answers that go in one piece in place, in this process, then run as ever."""
        wsgi.Response = WholeResponse
        super().init_process()


class WholeResponse(wsgi.Response):  # type: ignore[misc]  # the same
    """An answer whose head waits for its body, where the body comes whole and is the length that was stated."""

    headers_sent: bool

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Check the headers as gunicorn does, but for those at the end that are the same in every answer."""
        if tuple(headers[-len(ALWAYS) :]) != ALWAYS:
            super().process_headers(headers)
            return
        super().process_headers(headers[: -len(ALWAYS)])
        self.headers += ALWAYS

    def write(self, arg: Any) -> None:
        """Send head and body together; everything else as gunicorn does."""
        if self.headers_sent or self._omits_body or self.response_length != len(arg):
            super().write(arg)
            return
        head = "".join([*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"])
        self.headers_sent = True
        self.sent = len(arg)
        util.write(self.sock, head.encode("latin-1") + arg)

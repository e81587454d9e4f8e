"""Slow clients, and what they cost the others.

``python -m tests.server.slow 8000 headers 1000`` prints the 99th percentile of a prediction's time, on the server at
that port of this machine: alone, and while 1,000 clients have sent half of their headers. ``bodies`` send half of a
body, ``nothing`` only connects.
"""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final

from tests.server.running import BEDSIDE_EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY: Final = json.dumps(BEDSIDE_EXAMPLE).encode()
HEAD: Final = b"POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
SENT: Final = {
    "nothing": b"",
    "headers": HEAD,
    "bodies": HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY[: len(BODY) // 2]),
}
"""How far each kind of slow client gets."""
_REQUESTS: Final = 1_000


@contextmanager
def slow_clients(kind: str, number: int, port: int) -> Iterator[list[socket.socket]]:
    """Connections on which that much of a request was sent, and no more comes."""
    with ExitStack() as stack:
        connections = []
        for _ in range(number):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(SENT[kind])
            connections.append(connection)
        yield connections


def milliseconds(port: int) -> float:
    """The 99th percentile of a prediction's time, for one client after the other."""
    times = []
    for _ in range(_REQUESTS):
        start = time.perf_counter()
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("POST", "/api/v1/predict", BODY, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            assert response.status == http.HTTPStatus.OK
        times.append(time.perf_counter() - start)
    return 1000 * statistics.quantiles(times, n=100)[-1]


def main(port: int, kind: str, number: int) -> None:
    """Print the figures."""
    print(f"alone: p99 {milliseconds(port):.1f} ms")  # noqa: T201 - a command
    with slow_clients(kind, number, port):
        print(f"beside {number} slow {kind}: p99 {milliseconds(port):.1f} ms")  # noqa: T201 - the same


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

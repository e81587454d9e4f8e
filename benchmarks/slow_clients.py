"""What slow clients cost: ``python -m benchmarks.slow_clients 8000 1000``, the port of a running server and how many.

The 99th percentile of a prediction's time, alone and beside connections on which half of the headers were sent: the
median of five rounds, the lowest and the highest.
"""

import http.client
import json
import socket
import statistics
import sys
import time
from contextlib import ExitStack, closing

BODY = json.dumps({"age": 72.5, "ejection_fraction": 25, "serum_creatinine": 1.7}).encode()
HALF = b"POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def p99(port: int, slow: int = 0) -> float:
    """Milliseconds of 1,000 predictions, one after the other on new connections, beside so many slow clients."""
    times = []
    with ExitStack() as stack:
        for _ in range(slow):
            stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(HALF)
        for _ in range(1_000):
            start = time.perf_counter()
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("POST", "/api/v1/predict", BODY, {"Content-Type": "application/json"})
                assert connection.getresponse().status == http.HTTPStatus.OK
            times.append(1_000 * (time.perf_counter() - start))
    return statistics.quantiles(times, n=100)[-1]


if __name__ == "__main__":
    port, slow = map(int, sys.argv[1:])
    rounds = [(p99(port), p99(port, slow)) for _ in range(5)]
    for name, figures in zip(("alone, ms", "beside, ms"), zip(*rounds, strict=True), strict=True):
        print(f"{name:<11} {statistics.median(figures):.2f} ({min(figures):.2f} to {max(figures):.2f})")

"""What heavy clients cost: ``python -m benchmarks.heavy_clients 8000 8``, the port of a running server and how many.

Each heavy client asks without pause for explanation and instability of 100 patients. Printed: the predictions that one
healthy client gets in a second and the 99th percentile of its times, alone and beside them; the heavy ones' statuses.
"""

import http.client
import json
import statistics
import sys
import time
from collections import Counter
from contextlib import closing
from threading import Event, Thread

SECONDS = 5
JSON = {"Content-Type": "application/json"}
PATIENT = {"age": 72.5, "ejection_fraction": 25, "serum_creatinine": 1.7}


def ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> int:
    """Send one request; gives the status."""
    connection.request("POST", path, body, JSON)
    response = connection.getresponse()
    response.read()
    return response.status


def heavy(port: int, stopped: Event, statuses: Counter[int]) -> None:
    """Ask until it is stopped; wait as long as the server says."""
    body = json.dumps([PATIENT] * 100).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        while not stopped.is_set():
            status = ask(connection, "/api/v1/predict?explain=true&instability=true", body)
            statuses[status] += 1
            if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
                stopped.wait(1)


def healthy(port: int) -> str:
    """Predictions of one client, one after the other."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        while (start := time.perf_counter()) < end:
            ask(connection, "/api/v1/predict", json.dumps(PATIENT).encode())
            times.append(time.perf_counter() - start)
    return f"{len(times) / SECONDS:,.0f} a second, p99 {1_000 * statistics.quantiles(times, n=100)[-1]:.1f} ms"


if __name__ == "__main__":
    port, clients = map(int, sys.argv[1:])
    print("alone: ", healthy(port))
    stopped, statuses = Event(), Counter[int]()
    threads = [Thread(target=heavy, args=(port, stopped, statuses)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    print("beside:", healthy(port))
    stopped.set()
    for thread in threads:
        thread.join()
    print("heavy: ", dict(statuses))

"""What a report on a cohort costs predictions: ``python -m benchmarks.beside_report 8000``, a running server's port.

Requests/s and the 99th percentile of a prediction's time, alone and while `/validate` reports on 2,231 drawn patients
again and again: the median of five rounds, the lowest and the highest.
"""

import statistics
import sys
import threading
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np

from benchmarks.load import Load, load
from benchmarks.slow_clients import BODY

ROWS = 2_231
SECONDS = 5
DRAW = np.random.default_rng(1)
COLUMNS = {
    "age": DRAW.integers(40, 95, ROWS),
    "ejection_fraction": DRAW.integers(15, 70, ROWS),
    "serum_creatinine": DRAW.integers(5, 40, ROWS) / 10,
    "outcome": DRAW.integers(0, 2, ROWS),
}
TABLE = "\n".join([",".join(COLUMNS), *(",".join(map(str, row)) for row in zip(*COLUMNS.values(), strict=True))])
FORM = {"name": "drawn.csv", "table": TABLE, "answer": "report", **{f"column-{name}": name for name in COLUMNS}}


def report(url: str, enough: threading.Event) -> None:
    """Ask for reports, one after the other."""
    while not enough.is_set():
        with urlopen(f"{url}/validate", urlencode(FORM).encode()) as answer:
            assert b'id="verdict"' in answer.read()


if __name__ == "__main__":
    server = f"http://127.0.0.1:{sys.argv[1]}"
    predict = Request(f"{server}/api/v1/predict", BODY, {"Content-Type": "application/json"})
    with urlopen(predict) as answer:
        right = answer.read()
    rounds: dict[str, list[Load]] = {"alone": [], "beside": []}
    for _ in range(5):
        rounds["alone"].append(load(predict.full_url, BODY, right, SECONDS))
        enough = threading.Event()
        reports = threading.Thread(target=report, args=(server, enough))
        reports.start()
        rounds["beside"].append(load(predict.full_url, BODY, right, SECONDS))
        enough.set()
        reports.join()
    for name, loads in rounds.items():
        assert not any(one.errors for one in loads)
        for unit, figures in (
            ("requests/s", [one.requests / one.seconds for one in loads]),
            ("p99, ms", [one.p99_ms for one in loads]),
        ):
            middle = statistics.median(figures)
            print(f"{name:<7}{unit:<11} {middle:,.1f} ({min(figures):,.1f} to {max(figures):,.1f})")

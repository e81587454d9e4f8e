"""What promotions cost a server's clients: ``python -m benchmarks.swaps 50 8123 heartapp serve --port 8123`` (Linux).

Starts the command over a copy of the shipped bundles with one more version of `bedside`, and promotes the two versions
in turn, so many times, while five clients ask without pause: two keep their connection, two connect for each request,
one sends arrays. Every answer must be that of the model whose digest it names.
"""

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from math import nan
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
import numpy as np

from benchmarks.processes import memory_bytes, stop
from heartapp.config import home
from heartapp.inference.bundle import MANIFEST, read_bundle
from heartapp.inference.calibration import Calibration
from heartapp.inference.model import Model
from heartapp.inference.served import promote, read_served
from heartapp.inference.writing import write_bundle

NAME = "bedside"
PATIENT = {"age": 72.5, "ejection_fraction": 25, "serum_creatinine": 1.7}
JSON = {"Content-Type": "application/json"}
PATIENCE = 30
WARM_UP = 20


def make_models(root: Path) -> dict[str, float]:
    """The shipped bundles and one more version with another calibration: the risk of the patient by digest."""
    shutil.copytree(home() / "models", root)
    bundle = read_bundle(root, NAME, read_served(root)[NAME])
    files = {path.name: path.read_bytes() for path in (root / bundle.place).iterdir() if path.is_file()}
    platt = msgspec.structs.replace(bundle.manifest.calibration, intercept=bundle.manifest.calibration.intercept - 0.1)
    risk = Calibration(platt.slope, platt.intercept).risk
    answers = np.array(bundle.manifest.golden.probabilities, np.float32)
    golden = msgspec.structs.replace(bundle.manifest.golden, risks=risk(answers).tolist())
    manifest = msgspec.structs.replace(bundle.manifest, version="99", calibration=platt, golden=golden, files={})
    write_bundle(root, manifest, {name: content for name, content in files.items() if name != MANIFEST})
    models = [Model(read_bundle(root, NAME, version)) for version in (bundle.manifest.version, "99")]
    return {
        model.identity.digest: model.predict([PATIENT.get(name, nan) for name in model.names]).risk for model in models
    }


class Client(Thread):
    """Asks without pause until it is stopped; notes how long each answer took and what was wrong."""

    def __init__(self, port: int, risks: dict[str, float], *, keeps: bool, patients: int) -> None:
        super().__init__(daemon=True)
        self.port, self.risks, self.keeps = port, risks, keeps
        self.body = json.dumps([PATIENT] * patients if patients > 1 else PATIENT).encode()
        self.seconds: list[float] = []
        self.wrong: list[str] = []
        self.stopped = Event()

    def run(self) -> None:
        """Ask until it is stopped."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        while not self.stopped.is_set():
            start = time.perf_counter()
            try:
                self.check(ask(connection, self.body))
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.wrong.append(repr(error))
            self.seconds.append(time.perf_counter() - start)
            if not self.keeps:
                connection.close()

    def check(self, answer: dict[str, Any]) -> None:
        """Note an answer that is not one model's."""
        predictions = answer.get("predictions", [answer])
        digests = {one["model"]["digest"] for one in predictions}
        if len(digests) != 1 or any(one["risk"] != self.risks[one["model"]["digest"]] for one in predictions):
            self.wrong.append("mixed")


def ask(connection: http.client.HTTPConnection, body: bytes) -> dict[str, Any]:
    """Send one request."""
    connection.request("POST", "/api/v1/predict", body, JSON)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer


def wait_for(port: int, digest: str, *, times: int = 30) -> None:
    """Return when so many answers in a row, on new connections to any worker, are of that model."""
    seen, deadline = 0, time.monotonic() + PATIENCE
    while seen < times:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{digest} is not served")
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
                seen = seen + 1 if ask(connection, json.dumps(PATIENT).encode())["model"]["digest"] == digest else 0
        except OSError:
            time.sleep(0.1)


def main(swaps: int, port: int, command: list[str]) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        risks = make_models(root)
        versions = read_served(root)[NAME], "99"
        server = subprocess.Popen(command, env={**os.environ, "HEARTAPP_MODELS": str(root)}, start_new_session=True)
        try:
            wait_for(port, promote(root, NAME, versions[0]).digest)
            clients = [
                Client(port, risks, keeps=keeps, patients=patients)
                for keeps, patients in ((True, 1), (True, 1), (False, 1), (False, 1), (True, 100))
            ]
            for client in clients:
                client.start()
            for number in range(WARM_UP + swaps):
                if number == WARM_UP:
                    before = memory_bytes(server.pid)
                wait_for(port, promote(root, NAME, versions[(number + 1) % 2]).digest)
            growth = memory_bytes(server.pid) - before
            for client in clients:
                client.stopped.set()
                client.join()
            wrong = [fault for client in clients for fault in client.wrong]
            new = [seconds for client in clients if not client.keeps for seconds in client.seconds]
            print(f"{WARM_UP + swaps} promotions, {sum(len(client.seconds) for client in clients):,} requests")
            print(f"failed or mixed: {len(wrong)} {wrong[:3]}")
            p99 = statistics.quantiles(new, n=100)[-1]
            print(f"on new connections: p99 {1_000 * p99:.1f} ms, largest {1_000 * max(new):.0f} ms")
            print(f"memory of all processes after the first {WARM_UP}: {growth / 1e6:+.1f} MB")
        finally:
            stop(server, PATIENCE)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])

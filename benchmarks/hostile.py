"""Damaged bundles and hostile clients, for ``python -m benchmarks.faults``."""

import http
import json
import os
import random
import shutil
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import cycle, product
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.processes import tree
from heartapp.errors import BundleError
from heartapp.inference.bundle import MANIFEST, read_bundle
from heartapp.inference.served import read_pins
from tests.server.nginx import Replica, balancing
from tests.server.running import BODY, GUNICORN, HALF_SENT, HEAD, JSON, PROGRAMS, ROOT, Server, make_home, running

FLIPS: Final = 5_000
SLOW: Final = 500
ASKED: Final = 100
PATIENT: Final = json.loads(BODY)
WHOLE: Final = HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(BODY), BODY)
TABLE: Final = b"age,ejection_fraction,serum_creatinine\n70,25,1.7\n"
FORM: Final = b"age=70&ejection_fraction=25&serum_creatinine=2"
MANY: Final = json.dumps([PATIENT] * 500).encode()
STOPPED: Final = {
    "headers": HEAD,
    "bodies": HALF_SENT,
    "reads": HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(MANY), MANY),
}
"""What slow clients send, before they neither send nor read any more."""
MIXED: Final = [
    ("GET", "/", b"", {}),
    ("GET", "/models/bedside", b"", {}),
    ("GET", "/nowhere", b"", {}),
    ("POST", "/api/v1/predict", BODY, JSON),
    ("POST", "/api/v1/predict", BODY[:-1], JSON),
    ("POST", "/api/v1/predict?explain=true&instability=true", BODY, JSON),
    ("POST", "/api/v1/predict?survival=true", json.dumps([PATIENT] * 100).encode(), JSON),
    ("POST", "/api/v1/predict", TABLE, {"Content-Type": "text/csv"}),
    ("POST", "/invocations", json.dumps({"dataframe_records": [PATIENT]}).encode(), JSON),
    ("POST", "/predict", FORM, {"Content-Type": "application/x-www-form-urlencoded"}),
]


def flip(folder: Path, _seconds: int) -> None:
    """Change single bits of the bundles: in each byte of the pinned manifests, and anywhere in the other files."""
    root, chance = folder / "models", random.Random(0)
    shutil.copytree(ROOT / "models", root)
    for name, pin in read_pins(root).items():
        bundle = root / name / pin.version
        files = sorted(read_bundle(root, name, pin.version, pin.digest).manifest.files)
        places = [(bundle / MANIFEST, at) for at in range((bundle / MANIFEST).stat().st_size)]
        sizes = {bundle / file: (bundle / file).stat().st_size for file in files}
        places += [(file, chance.randrange(sizes[file])) for file in chance.choices([*sizes], k=FLIPS)]
        refused = 0
        for file, at in places:
            with file.open("r+b") as stream:
                (old,) = os.pread(stream.fileno(), 1, at)
                os.pwrite(stream.fileno(), bytes([old ^ 1 << chance.randrange(8)]), at)
                try:
                    read_bundle(root, name, pin.version, pin.digest)
                except BundleError:
                    refused += 1
                os.pwrite(stream.fileno(), bytes([old]), at)
        print(f"{name} {pin.version}: {refused:,} of {len(places):,} refused, {len(places) - FLIPS:,} in its manifest")


def descriptors(folder: Path, _seconds: int) -> None:
    """More connections than a server may have open files."""
    for name, command in PROGRAMS.items():
        with running(make_home(folder / name), command=("prlimit", "--nofile=64", *command)) as server:
            with ExitStack() as stack:
                for _ in range(SLOW):
                    stack.enter_context(server.connect()).sendall(HEAD)
                time.sleep(2)
            print(f"{name}, after {SLOW} connections with 64 files: {answered(server)}")


def answered(server: Server) -> str:
    """How one client fares that asks 100 times."""
    times: list[float] = []
    for _ in range(ASKED):
        start = time.perf_counter()
        try:
            status = server.request("POST", "/api/v1/predict", BODY, JSON).status
        except OSError as error:
            return f"answered {len(times)}, then {error!r}"
        if status == http.HTTPStatus.OK:
            times.append(time.perf_counter() - start)
    return f"{len(times)} of {ASKED} answered, slowest {1_000 * max(times):.0f} ms"


def slow(folder: Path, _seconds: int) -> None:
    """500 clients that stop within headers or body, or do not read, beside one that wants answers."""
    replicas = Replica(make_home(folder / "one"), GUNICORN), Replica(make_home(folder / "two"), GUNICORN)
    with running(make_home(folder / "granian")) as granian, balancing(folder / "nginx", replicas) as nginx:
        servers = {"Granian": granian, "nginx and gunicorn": nginx}
        for (name, server), (kind, sent) in product(servers.items(), STOPPED.items()):
            with ExitStack() as stack:
                for _ in range(SLOW):
                    client = stack.enter_context(socket.socket())
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
                    client.connect((server.host, server.port))
                    client.sendall(sent)
                print(f"{name}, {SLOW} slow {kind}: {answered(server)}")
    for replica in replicas:
        replica.stop()


def raw(folder: Path, _seconds: int) -> None:
    """100 requests with bytes changed, cut out or repeated."""
    for name, command in PROGRAMS.items():
        found, chance = Counter[str](), random.Random(0)
        with running(make_home(folder / name), command=command) as server:
            for number in range(ASKED):
                at, end = sorted(chance.choices(range(len(WHOLE)), k=2))
                noise = chance.choice([b"", b"\r\n\r\n", b"\0", chance.randbytes(9), WHOLE[at:end] * 3])
                with closing(server.connect()) as client:
                    client.sendall(WHOLE[:at] + noise + WHOLE[end if number % 2 else at :])
                    client.shutdown(socket.SHUT_WR)
                    try:
                        found[client.recv(65_536)[9:12].decode() or "closed"] += 1
                    except ConnectionResetError:
                        found["closed"] += 1
            print(f"{name}: {dict(found)}, tracebacks: {server.log.count('Traceback')}, then: {answered(server)}")


def mixed(folder: Path, seconds: int) -> None:
    """Requests of every kind, right and wrong, from four clients; how memory grows after the first quarter."""
    found = Counter[int]()
    samples: list[tuple[float, float]] = []
    with running(make_home(folder / "home")) as server, ThreadPoolExecutor(4) as pool:
        end = time.monotonic() + seconds

        def ask() -> None:
            for method, path, body, headers in cycle(MIXED):
                if time.monotonic() > end:
                    return
                found[server.request(method, path, body or None, headers).status] += 1

        clients = [pool.submit(ask) for _ in range(4)]
        while not all(client.done() for client in clients):
            private = sum(process.memory_full_info().uss for process in tree(server.process.pid))
            samples.append((time.monotonic() / 3_600, private / 1e6))
            time.sleep(1)
        for client in clients:
            client.result()
    hours, sizes = np.array(samples)[len(samples) // 4 :].T
    print(f"{found.total():,} requests: {dict(found)}")
    print("MB:", *(f"{size:.1f}" for size in sizes[:: len(sizes) // 10]), f"{np.polyfit(hours, sizes, 1)[0]:+.1f} MB/h")

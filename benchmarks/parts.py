"""Where the time and the memory of one request go, without a server around it.

    make bench-parts

Processor time in this process, the least of many runs; a constant Flask view beside it. The memory is what making the
models adds to a process that has read their bundles: onnxruntime's own, for the most part.
"""

from __future__ import annotations

import ctypes
import gc
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from flask import Flask, Response
from werkzeug.test import create_environ

from benchmarks.patients import example
from heartapp import create_app
from heartapp.api.decoding import decode_rows
from heartapp.web.extension import get_registry

if TYPE_CHECKING:
    from collections.abc import Callable

PATH: Final = "/api/v1/predict"
CALLS: Final = 300
RUNS: Final = 40


def main() -> None:
    """Measure and print."""
    os.environ.setdefault("HEARTAPP_SECRET_KEY", secrets.token_hex(32))
    app = create_app()
    registry = get_registry(app)
    registry.read()
    before = own_megabytes()
    registry.load()
    memory = own_megabytes() - before
    model, body = registry.get(), msgspec.json.encode(example())
    rows, _ = decode_rows(body, model.names, model.required) or ([], False)
    prediction = model.predict(rows[0])
    values = np.array(rows, np.float32)
    view = constant(msgspec.json.encode(prediction))
    parts: dict[str, Callable[[], object]] = {
        "heartapp, the whole request": lambda: call(app, body),
        "a constant Flask view": lambda: call(view, body),
        "making the request, in both": lambda: environment(body),
        "decoding and checking the body": lambda: decode_rows(body, model.names, model.required),
        "the prediction": lambda: model.predict(rows[0]),
        "the graph": lambda: model.run_graph(values),
        "encoding the answer": lambda: msgspec.json.encode(prediction),
    }
    for name, work in parts.items():
        print(f"{name:<32} {microseconds(work):6.1f} µs")
    print(f"{'memory of the loaded models':<32} {memory:6.1f} MB")


def constant(content: bytes) -> Flask:
    """An application that gives one answer to everything."""
    view = Flask("constant")
    view.add_url_rule(PATH, "answer", lambda: Response(content, mimetype="application/json"), methods=["POST"])
    return view


def environment(body: bytes) -> dict[str, Any]:
    """A request as a server hands it over."""
    return create_environ(PATH, method="POST", data=body, content_type="application/json")


def call(app: Flask, body: bytes) -> bytes:
    """The body of an application's answer."""
    return b"".join(app.wsgi_app(environment(body), lambda *_: lambda _: None))


def microseconds(work: Callable[[], object]) -> float:
    """Processor time of one call: the least mean of many runs, for whatever disturbs a run only adds to it."""
    runs = []
    for _ in range(RUNS):
        began = time.process_time()
        for _ in range(CALLS):
            work()
        runs.append(time.process_time() - began)
    return min(runs) / CALLS * 1e6


def own_megabytes() -> float:
    """The memory of this process that is of no file (Linux with glibc)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("Anonymous:"))
    return int(kilobytes) / 1024


if __name__ == "__main__":
    main()

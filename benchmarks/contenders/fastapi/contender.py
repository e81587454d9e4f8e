"""A hand-written FastAPI app over the same ONNX model, under uvicorn with uvloop and httptools: the fair rival."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.contender import WORKERS, Command, Contender, predictions, probabilities_and_risk, records
from benchmarks.environments import Environment
from benchmarks.servers import HOST


def _start(port: int, _folder: Path) -> Command:
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    address = ("--host", HOST, "--port", str(port), "--workers", str(WORKERS))
    return Command(("uvicorn", *options, *address, "benchmarks.contenders.fastapi.app:app"))


CONTENDER: Final = Contender(
    name="fastapi",
    title="FastAPI by hand, the same ONNX graph",
    kind="handwritten",
    environment=Environment(
        "fastapi", Path(__file__).with_name("requirements.txt"), ("fastapi", "uvicorn", "msgspec", "onnxruntime")
    ),
    start=_start,
    path="/predict",
    ask=records,
    read=predictions,
    expect=probabilities_and_risk,
)

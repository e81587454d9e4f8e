"""heartapp as it is deployed: `heartapp serve` with the settings for production."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from benchmarks.bundle import ROOT
from benchmarks.contender import WORKERS, Command, Contender, predictions, probabilities_and_risk, records
from benchmarks.environments import Environment
from benchmarks.servers import HOST

if TYPE_CHECKING:
    from pathlib import Path

MOST_PATIENTS: Final = 10_000
_MOST_BYTES: Final = 8 * 1024 * 1024

ENVIRONMENT: Final = Environment(
    "heartapp", ROOT / "requirements" / "serve.txt", ("heartapp", "flask", "gunicorn", "onnxruntime"), project=True
)


def _start(port: int, _folder: Path) -> Command:
    return Command(
        ("heartapp", "serve", "--host", HOST, "--port", str(port), "--workers", str(WORKERS)),
        {
            "HEARTAPP_SECRET_KEY": secrets.token_hex(32),
            "HEARTAPP_MAX_PATIENTS": str(MOST_PATIENTS),
            "HEARTAPP_MAX_BODY_BYTES": str(_MOST_BYTES),
        },
    )


CONTENDER: Final = Contender(
    name="heartapp",
    title="heartapp",
    kind="heartapp",
    environment=ENVIRONMENT,
    start=_start,
    path="/api/v1/predict",
    ask=records,
    read=predictions,
    expect=probabilities_and_risk,
)

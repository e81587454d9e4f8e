"""The load: wrk sends one request again and again on 16 connections and compares every answer."""

import os
import subprocess
from pathlib import Path
from typing import Final

import msgspec

CONNECTIONS: Final = 16
_SCRIPT: Final = Path(__file__).with_name("load.lua")


class Load(msgspec.Struct, frozen=True):
    """What wrk saw. ``errors`` are answers that were wrong or not of status 200, and requests without one."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int


def load(url: str, body: bytes, right: bytes, seconds: int, connections: int = CONNECTIONS) -> Load:
    """Send ``body`` to ``url`` for so many seconds; every answer should be ``right``."""
    options = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "20s"]
    done = subprocess.run(
        ["wrk", *options, "--script", _SCRIPT, url],
        env={**os.environ, "BODY": body.decode(), "RIGHT": right.decode()},
        capture_output=True,
        text=True,
        check=True,
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Load)

"""The load: wrk asks for the same patient on 16 connections and compares every answer."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
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


def missing() -> str | None:
    """What to do about it, where wrk is not installed."""
    if shutil.which("wrk"):
        return None
    return "wrk, the load generator, is missing; on Debian or Ubuntu: apt install wrk"


def load(url: str, body: bytes, right: bytes, seconds: int) -> Load:
    """Send ``body`` to ``url`` for so long; ``right`` is the one good answer."""
    with TemporaryDirectory() as folder:
        files = [Path(folder, "body"), Path(folder, "right")]
        for file, content in zip(files, (body, right), strict=True):
            file.write_bytes(content)
        options = ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
        done = subprocess.run(
            ["wrk", *options, "--script", str(_SCRIPT), url, "--", *map(str, files)],
            capture_output=True,
            text=True,
            check=True,
        )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Load)

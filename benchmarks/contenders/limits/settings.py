"""The project's own gunicorn settings, so that the limits have the very same; its hooks alone are heartapp's."""

from __future__ import annotations

import gc
from inspect import isfunction
from runpy import run_path
from typing import TYPE_CHECKING

from benchmarks.bundle import ROOT

if TYPE_CHECKING:
    from gunicorn.workers.base import Worker

globals().update(
    {name: value for name, value in run_path(str(ROOT / "gunicorn.conf.py")).items() if not isfunction(value)}
)


def post_worker_init(_worker: Worker) -> None:
    """Spare the collector what stays, so that no limit is slower than heartapp for want of it."""
    gc.collect()
    gc.freeze()

"""The project's own gunicorn settings, so that the limits have the very same; its hooks alone are heartapp's."""

from __future__ import annotations

from inspect import isfunction
from runpy import run_path

from benchmarks.bundle import ROOT

globals().update(
    {name: value for name, value in run_path(str(ROOT / "gunicorn.conf.py")).items() if not isfunction(value)}
)

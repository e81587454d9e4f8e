"""What operators see of a server besides its log, where the settings ask for it. The packages come from extras."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from blinker import Signal
from flask import Flask

from heartapp.config import Settings
from heartapp.errors import ConfigError

predicted: Final = Signal()
"""Sent by a view, with the model and its ``answers``: a sequence of `Prediction`, or `Scores`."""
refused: Final = Signal()
"""Sent with the names of the faulty ``fields`` of patients, which may be anything that a client sent."""

_METRICS: Final = "metrics_address needs the extra metrics: pip install filelock prometheus-client"
_TRACES: Final = "traces needs the extra otel: pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
_NOTHING: Final = nullcontext()
_begin: Final[list[Callable[[str], AbstractContextManager[Any]]]] = []


def prepare(settings: Settings) -> None:
    """Do what is done once, in a server's main process before it starts workers.

    Raises:
        ConfigError: what a setting asks for cannot be had; says what to do.
    """
    if settings.metrics_address:
        _import("metrics", _METRICS).prepare(settings.metrics_address)
    if settings.traces:
        _import("traces", _TRACES)


def start(app: Flask, settings: Settings) -> None:
    """Begin in a worker.

    Raises:
        ConfigError: see `prepare`.
    """
    if settings.metrics_address:
        _import("metrics", _METRICS).start(app, settings)
    if settings.traces:
        _begin.append(_import("traces", _TRACES).start(app, settings.traces))


def span(name: str) -> AbstractContextManager[Any]:
    """A step of a request, for traces."""
    return _begin[-1](name) if _begin else _NOTHING


def _import(name: str, remedy: str) -> ModuleType:
    try:
        return import_module(f"heartapp.web.{name}")
    except ImportError:
        raise ConfigError(remedy) from None

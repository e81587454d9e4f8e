"""What operators see of a server besides its log, where the settings ask for it. The packages come from extras."""

from importlib import import_module
from types import ModuleType
from typing import Final

from blinker import Signal
from flask import Flask

from heartapp.config import Settings
from heartapp.errors import ConfigError

predicted: Final = Signal()
"""Sent by a view, with the model and its ``answers``: a sequence of `Prediction`, or `Scores`."""
refused: Final = Signal()
"""Sent with the names of the faulty ``fields`` of patients, which may be anything that a client sent."""


def prepare(settings: Settings) -> None:
    """Do what is done once, in a server's main process before it starts workers.

    Raises:
        ConfigError: what a setting asks for cannot be had; says what to do.
    """
    if settings.metrics_address:
        _metrics().prepare(settings.metrics_address)


def start(app: Flask, settings: Settings) -> None:
    """Begin in a worker.

    Raises:
        ConfigError: see `prepare`.
    """
    if settings.metrics_address:
        _metrics().start(app, settings.metrics_address)


def _metrics() -> ModuleType:
    try:
        return import_module("heartapp.web.metrics")
    except ImportError:
        raise ConfigError("metrics_address needs the extra metrics: pip install filelock prometheus-client") from None

"""Settings and registry of an application, with typed accessors."""

from typing import Final, cast

from flask import Flask, Request, current_app, request

from heartapp.config import Settings
from heartapp.inference.registry import ModelRegistry
from heartapp.web.heavy import HeavyQueue

_REGISTRY: Final = "heartapp.registry"
_QUEUE: Final = "heartapp.queue"
_SETTINGS: Final = "heartapp.settings"


def init_app(app: Flask, settings: Settings, registry: ModelRegistry) -> None:
    """Give the application its settings and its registry."""
    app.extensions[_SETTINGS] = settings
    app.extensions[_REGISTRY] = registry
    app.extensions[_QUEUE] = HeavyQueue()


def get_registry(app: Flask | None = None) -> ModelRegistry:
    """The registry of this application; by default, of the current one."""
    return cast("ModelRegistry", (app or current_app).extensions[_REGISTRY])


def get_settings() -> Settings:
    """The settings of the current application."""
    return cast("Settings", current_app.extensions[_SETTINGS])


def get_queue() -> HeavyQueue:
    """The queue for heavy requests of the current application."""
    return cast("HeavyQueue", current_app.extensions[_QUEUE])


def get_request() -> Request:
    """The request itself, without Flask's proxy, which looks it up at each access."""
    return cast("Request", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - documented so

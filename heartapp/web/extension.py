"""Settings, registry and queue of an application, with typed accessors."""

from typing import Final, NamedTuple, cast

from flask import Flask, Request, current_app, request

from heartapp.config import Settings
from heartapp.inference.registry import ModelRegistry
from heartapp.web.heavy import HeavyQueue

_NAME: Final = "heartapp"


class Services(NamedTuple):
    """What an application has for all of its requests: settings, registry, and the queue for heavy requests."""

    settings: Settings
    registry: ModelRegistry
    queue: HeavyQueue


def init_app(app: Flask, settings: Settings, registry: ModelRegistry) -> None:
    """Give the application its services."""
    app.extensions[_NAME] = Services(settings, registry, HeavyQueue())


def get_services(app: Flask | None = None) -> Services:
    """The services of this application; by default, of the current one. Each call looks that one up."""
    return cast("Services", (app or current_app).extensions[_NAME])


def get_registry(app: Flask | None = None) -> ModelRegistry:
    """The registry of this application; by default, of the current one."""
    return get_services(app).registry


def get_settings() -> Settings:
    """The settings of the current application."""
    return get_services().settings


def get_request() -> Request:
    """The request itself, without Flask's proxy, which looks it up at each access."""
    return cast("Request", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - documented so

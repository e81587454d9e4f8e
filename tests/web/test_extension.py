from __future__ import annotations

from flask import Flask

from heartapp.config import Settings
from heartapp.inference.registry import ModelRegistry
from heartapp.web import extension
from tests.client import SHIPPED


def test_an_application_gives_back_its_own_registry_and_settings() -> None:
    registries = [ModelRegistry(SHIPPED, default="bedside") for _ in range(2)]
    apps = [Flask(__name__) for _ in registries]
    for app, registry in zip(apps, registries, strict=True):
        settings = Settings(max_patients=7)
        extension.init_app(app, settings, registry)
        assert extension.get_registry(app) is registry
        with app.app_context():
            assert extension.get_registry() is registry
            assert extension.get_settings() is settings


def test_the_named_application_wins_over_the_current_one() -> None:
    one, other = Flask("one"), Flask("other")
    registry = ModelRegistry(SHIPPED, default="followup")
    extension.init_app(one, Settings(), ModelRegistry(SHIPPED, default="bedside"))
    extension.init_app(other, Settings(), registry)
    with one.app_context():
        assert extension.get_registry(other) is registry

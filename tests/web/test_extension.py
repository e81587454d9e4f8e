from __future__ import annotations

from flask import Flask

from heartapp.config import Settings
from heartapp.inference.registry import ModelRegistry
from heartapp.web import extension
from tests.client import SHIPPED


def test_an_application_gives_back_its_own_registry_and_settings() -> None:
    registries = [ModelRegistry(SHIPPED, default="bedside") for _ in range(2)]
    apps = [Flask(__name__) for _ in registries]
    settings = Settings(max_patients=7)
    for app, registry in zip(apps, registries, strict=True):
        extension.init_app(app, settings, registry)
    with apps[0].app_context():
        assert extension.get_registry() is registries[0]
        assert extension.get_registry(apps[1]) is registries[1]
        assert extension.get_settings() is settings

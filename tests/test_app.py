"""The factory: what an application is made with, and that two of them share nothing."""

from __future__ import annotations

import hashlib
import runpy
from typing import TYPE_CHECKING, Final

import pytest
from flask import Flask

from heartapp import create_app
from heartapp.web.extension import get_registry, get_settings
from tests.client import ROOT, SHIPPED, form_page, make_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient

HTMX_VERSION: Final = "4.0.1"
HTMX_SHA256: Final = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that this machine's own settings have no part in the test."""
    monkeypatch.setenv("HEARTAPP_HOME", str(tmp_path))
    monkeypatch.setenv("HEARTAPP_MODELS", str(SHIPPED))
    return tmp_path


def test_settings_reach_the_application() -> None:
    app = make_app(max_body_bytes=2_000, max_patients=7, default_model="followup")
    assert app.config["MAX_CONTENT_LENGTH"] == 2_000
    assert get_registry(app).default == "followup"
    with app.app_context():
        assert get_settings().max_patients == 7
    assert (app.debug, app.testing) == (False, False)


def test_an_application_without_settings_reads_them_from_their_sources(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "instance").mkdir()
    (home / "instance" / "config.toml").write_text("max_patients = 3\n")
    monkeypatch.setenv("HEARTAPP_DEFAULT_MODEL", "followup")
    app = create_app()
    assert get_registry(app).default == "followup"
    with app.app_context():
        assert get_settings().max_patients == 3


def test_the_wsgi_entry_point_is_an_application(home: Path) -> None:
    application = runpy.run_path(str(ROOT / "wsgi.py"))["application"]
    assert isinstance(application, Flask)
    assert application.test_client().get("/readyz").status_code == 200
    assert list(home.iterdir()) == []


def test_a_version_that_the_operator_pins_is_served() -> None:
    client = make_app(served={"bedside": "999"}).test_client()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "bedside/999 is not a folder" in response.text


def test_two_applications_share_no_registry() -> None:
    assert get_registry(make_app()) is not get_registry(make_app())


def test_models_are_loaded_when_they_are_asked_for_and_not_when_the_application_is_made(tmp_path: Path) -> None:
    app = make_app(models=str(tmp_path / "none"))
    assert app.test_client().get("/livez").status_code == 200
    assert app.test_client().get("/readyz").status_code == 503


def test_importing_heartapp_brings_neither_flask_nor_onnxruntime(run_python: Callable[..., str]) -> None:
    loaded = run_python("import heartapp, sys; print(*sys.modules)").split()
    assert {"flask", "onnxruntime", "numpy", "msgspec"}.isdisjoint(loaded)


def test_htmx_is_the_version_that_was_vendored_byte_for_byte(client: FlaskClient) -> None:
    static = ROOT / "heartapp" / "static"
    file = static / f"htmx-{HTMX_VERSION}.min.js"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == HTMX_SHA256
    assert [one.name for one in static.glob("htmx*.js")] == [file.name]
    assert any(file.name in script.attrib["src"] for script in form_page(client).all("script"))
    assert "Permission to use" in (static / "htmx.LICENSE").read_text("utf-8")

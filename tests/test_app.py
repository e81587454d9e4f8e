"""The factory: what an application is made with, and that two of them share nothing."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient

from heartapp import create_app
from heartapp.web.extension import get_registry, get_settings
from tests.client import ROOT, form_page, make_app

HTMX_VERSION: Final = "4.0.1"
HTMX_SHA256: Final = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"


def test_an_application_without_settings_reads_them_from_their_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "config.toml").write_text("max_body_bytes = 2000\n")
    monkeypatch.setenv("HEARTAPP_HOME", str(tmp_path))
    monkeypatch.setenv("HEARTAPP_DEFAULT_MODEL", "followup")
    app = create_app()
    assert app.config["MAX_CONTENT_LENGTH"] == 2_000
    assert get_registry(app).default == "followup"
    with app.app_context():
        assert get_settings().max_body_bytes == 2_000
    assert (app.debug, app.testing) == (False, False)


def test_a_version_that_the_operator_pins_is_served() -> None:
    client = make_app(served={"bedside": "999"}).test_client()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "bedside/999 is not a folder" in response.text


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

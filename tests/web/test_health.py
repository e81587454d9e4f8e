from __future__ import annotations

from typing import TYPE_CHECKING

from heartapp.inference.bundle import read_served
from tests.client import SHIPPED, damaged_copy, make_app, problem_of

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient


def test_it_is_alive_and_ready_with_the_version_of_each_model(client: FlaskClient) -> None:
    assert client.get("/livez").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok", "models": read_served(SHIPPED)}


def test_with_damaged_bundles_it_is_alive_and_not_ready_and_gives_every_reason(tmp_path: Path) -> None:
    folder = damaged_copy(tmp_path / "models", "bedside", "followup")
    client = make_app(models=str(folder)).test_client()
    detail = problem_of(client.get("/readyz"), 503)["detail"]
    assert detail.startswith("bedside: bedside/")
    assert "; followup: followup/" in detail
    assert detail.count("SHA-256") == 2
    assert "heartapp train" in detail
    assert str(folder) not in detail
    assert client.get("/livez").status_code == 200


def test_it_is_not_ready_without_the_default_model(tmp_path: Path) -> None:
    (tmp_path / "served.toml").write_text("")
    client = make_app(models=str(tmp_path)).test_client()
    assert "the default model bedside has no version to serve" in problem_of(client.get("/readyz"), 503)["detail"]

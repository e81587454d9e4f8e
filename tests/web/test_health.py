from pathlib import Path

from flask.testing import FlaskClient

from heartapp.inference.bundle import SERVED
from heartapp.inference.served import read_served
from heartapp.web.extension import get_registry
from tests.client import SHIPPED, damaged_copy, make_app, problem_of


def test_it_is_alive_and_ready_with_the_version_of_each_model(client: FlaskClient) -> None:
    assert client.get("/livez").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok", "models": read_served(SHIPPED), "refused": {}}


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


def test_it_stays_ready_and_names_a_promoted_version_that_is_damaged(tmp_path: Path) -> None:
    folder = damaged_copy(tmp_path / "models")
    app = make_app(models=str(folder))
    client, registry = app.test_client(), get_registry(app)
    registry.load()
    version = read_served(folder)["bedside"]
    (folder / SERVED).write_text('bedside = "999"\n')
    registry.refresh()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["models"]) == (200, {"bedside": version})
    assert ready.get_json()["refused"]["bedside"].startswith("bedside/999 is not a folder")

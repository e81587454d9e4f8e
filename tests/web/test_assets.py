from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from flask import Flask, render_template_string

from heartapp.web import assets
from tests.client import form_page

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient


def address(folder: Path, filename: str) -> str:
    app = Flask(__name__, static_folder=str(folder), static_url_path="/static")
    assets.init_app(app)
    with app.test_request_context():
        return render_template_string("{{ asset_url(filename) }}", filename=filename)


def test_an_address_carries_the_digest_of_the_files_content(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_bytes(b"a{}")
    assert address(tmp_path, "a.css") == f"/static/a.css?v={hashlib.sha256(b'a{}').hexdigest()[:12]}"


def test_a_changed_file_has_another_address(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_bytes(b"a{}")
    before = address(tmp_path, "a.css")
    (tmp_path / "a.css").write_bytes(b"b{}")
    assert address(tmp_path, "a.css") != before


def test_a_template_cannot_name_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        address(tmp_path, "none.css")


def test_every_file_that_a_page_names_is_there_under_its_address(client: FlaskClient) -> None:
    page = form_page(client)
    named = [element.get("href") or element.attrib["src"] for element in (*page.all("link"), *page.all("script"))]
    assert len(named) == 4
    for one in named:
        with client.get(one) as response:
            assert response.status_code == 200
            assert one.endswith(f"?v={hashlib.sha256(response.data).hexdigest()[:12]}")


def test_the_address_of_another_release_is_answered_and_not_kept(client: FlaskClient) -> None:
    with client.get("/static/heartapp.css?v=0123456789ab") as response:
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-cache"

import gzip

import pytest
from flask.testing import FlaskClient

from heartapp.web.compression import _kept
from tests.client import ROOT, entries

CSS = "/static/heartapp.css"
CONTENT = (ROOT / "heartapp" / "static" / "heartapp.css").read_bytes()
WITH_GZIP = {"Accept-Encoding": "br, gzip;q=0.8"}


def test_a_static_file_is_compressed_and_unchanged(client: FlaskClient) -> None:
    with client.get(CSS, headers=WITH_GZIP) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.content_length == len(response.data) < len(CONTENT) / 2
        assert gzip.decompress(response.data) == CONTENT


@pytest.mark.parametrize("accepted", [{}, {"Accept-Encoding": "br"}, {"Accept-Encoding": "gzip;q=0"}])
def test_a_browser_without_gzip_gets_the_file_as_it_is(client: FlaskClient, accepted: dict[str, str]) -> None:
    with client.get(CSS, headers=accepted) as response:
        assert "Content-Encoding" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.data == CONTENT


def test_a_file_that_the_browser_has_is_not_sent_again(client: FlaskClient) -> None:
    with client.get(CSS, headers=WITH_GZIP) as first:
        etag = first.headers["ETag"]
    with client.get(CSS, headers={**WITH_GZIP, "If-None-Match": etag}) as again:
        assert (again.status_code, again.data) == (304, b"")
        assert "Content-Encoding" not in again.headers


@pytest.mark.parametrize("address", ["/", "/models/bedside", "/api/v1/"])
def test_a_page_is_compressed_and_unchanged(client: FlaskClient, address: str) -> None:
    with client.get(address) as plain, client.get(address, headers=WITH_GZIP) as response:
        assert gzip.decompress(response.data) == plain.data


@pytest.mark.parametrize(("fields", "status"), [(entries(), 200), ({}, 422)], ids=["a prediction", "faults"])
def test_an_answer_is_compressed_and_never_kept(client: FlaskClient, fields: dict[str, str], status: int) -> None:
    before = _kept.cache_info().misses
    response = client.post("/predict", data=fields, headers=WITH_GZIP)
    assert (response.status_code, response.headers["Content-Encoding"]) == (status, "gzip")
    assert b'id="result"' in gzip.decompress(response.data)
    assert _kept.cache_info().misses == before


@pytest.mark.parametrize("address", ["/api/v1/models", "/static/none.css", "/models/none"])
def test_other_answers_are_not_compressed(client: FlaskClient, address: str) -> None:
    with client.get(address, headers=WITH_GZIP) as response:
        assert "Content-Encoding" not in response.headers

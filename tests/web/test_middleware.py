import pytest
from flask import Flask
from flask.testing import FlaskClient

from heartapp.web.middleware import HEADERS
from tests.client import addresses, make_app, problem_of

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH")


def test_every_address_answers_every_method_with_all_headers(app: Flask, client: FlaskClient) -> None:
    nowhere = [("", "/none"), ("", "/api/v1/none"), ("static", "/static/none.css?v=0123456789ab")]
    for endpoint, address in [*addresses(app), *nowhere]:
        for method in METHODS:
            with client.open(address, method=method) as response:
                assert HEADERS.items() <= dict(response.headers).items(), (method, address)
                stored = response.headers.get("Cache-Control") != "no-store"
                assert stored == (endpoint == "static" and response.status_code < 400), (method, address)


def test_over_https_the_browser_is_told_to_stay_there(client: FlaskClient) -> None:
    assert client.get("/", base_url="https://localhost").headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in client.get("/").headers


def test_a_reverse_proxy_is_believed_when_it_is_trusted_and_only_then() -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    for hops, believed in ((1, True), (0, False)):
        response = make_app(trusted_proxies=hops).test_client().get("/livez", headers=forwarded)
        assert ("Strict-Transport-Security" in response.headers) is believed


@pytest.mark.parametrize("address", ["/", "/api/v1/models", "/livez"])
def test_a_host_that_is_not_trusted_is_refused_without_being_quoted(address: str) -> None:
    client = make_app(trusted_hosts=["heart.example", ".inside.example"]).test_client()
    for host in ("heart.example", "heart.example:8000", "one.inside.example"):
        assert client.get(address, headers={"Host": host}).status_code == 200
    refused = problem_of(client.get(address, headers={"Host": "evil.example"}), 400)
    assert "evil" not in str(refused)


def test_no_answer_leads_to_the_host_that_a_client_names(app: Flask, client: FlaskClient) -> None:
    for _, address in [*addresses(app), ("", "/api/v1"), ("", "/predict"), ("", "//api/v1//models")]:
        with client.get(address, headers={"Host": "evil.example"}) as response:
            assert b'href="http://evil.example' not in response.data
            assert "evil.example" not in response.headers.get("Location", "")


@pytest.mark.parametrize("prefix", ["//evil.example", "/heart/", "heart"])
def test_a_prefix_from_a_trusted_proxy_is_a_path_of_this_host(prefix: str) -> None:
    client = make_app(trusted_proxies=1).test_client()
    response = client.get("/predict", headers={"X-Forwarded-Prefix": prefix})
    assert response.headers["Location"] == f"/{prefix.strip('/')}/"

import json
import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from heartapp.web.problems import DETAILS, MEDIA_TYPE, TYPES, problem
from tests.client import Page, damaged_copy, example, make_app, problem_of

SENTINEL = "61.946283"


def document(app: Flask, status: int, *, linked: bool = True) -> dict[str, Any]:
    with app.test_request_context():
        response = problem(status, "What is wrong.", linked=linked)
    assert (response.status_code, response.mimetype) == (status, MEDIA_TYPE)
    body: dict[str, Any] = json.loads(response.data)
    return body


def raising(error: type[Exception]) -> Flask:
    """An application with two addresses at which an error is raised that quotes what was sent."""
    app = make_app()

    def boom() -> NoReturn:
        raise error(f"cannot use {request.get_data(as_text=True)}")

    app.add_url_rule("/boom", "boom", boom, methods=["POST"])
    app.add_url_rule("/api/v1/boom", "api_boom", boom, methods=["POST"])
    return app


def test_each_type_of_problem_is_explained_where_it_points(app: Flask, client: FlaskClient) -> None:
    for status in TYPES:
        body = document(app, status)
        assert list(body) == ["type", "title", "status", "detail"]
        assert (body["status"], body["detail"]) == (status, "What is wrong.")
        address, _, anchor = body["type"].partition("#")
        assert Page(client.get(address).text).text(anchor) == str(int(status))


def test_a_problem_without_an_explanation_has_a_type_too(app: Flask) -> None:
    assert document(app, 418)["type"].endswith("#other")
    assert document(app, 400, linked=False)["type"] == "about:blank"


@pytest.mark.parametrize(("address", "endpoint"), [("/boom", "boom"), ("/api/v1/boom", "api_boom")])
def test_an_unexpected_error_is_answered_and_logged_without_its_message(
    address: str, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = raising(ValueError).test_client().post(address, data=SENTINEL)
    detail = DETAILS[HTTPStatus.INTERNAL_SERVER_ERROR]
    if endpoint == "api_boom":
        assert problem_of(response, 500)["detail"] == detail
    else:
        page = Page(response.text)
        assert (response.status_code, response.mimetype) == (500, "text/html")
        assert detail in page.text("main")
        assert page.all("a[@href='/']")
    assert "cannot use" not in response.text
    assert SENTINEL not in response.text + caplog.text
    assert caplog.messages[0].startswith(
        f"ValueError while answering {endpoint} ({response.headers['X-Request-ID']})\n"
    )
    assert "in boom" in caplog.messages[0]


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("GET", "/none", 404), ("PUT", "/predict", 405), ("POST", "/livez", 405)],
)
def test_a_person_gets_a_page_with_the_way_back_to_the_form(
    client: FlaskClient, method: str, address: str, status: int
) -> None:
    response = client.open(address, method=method)
    page = Page(response.text)
    assert (response.status_code, response.mimetype) == (status, "text/html")
    assert HTTPStatus(status).phrase in page.text("main")
    assert "Back to the form" in page.text("main")
    assert ("What you typed is still there" in page.text("main")) is (method == "POST")


def test_a_program_gets_a_problem(client: FlaskClient) -> None:
    assert problem_of(client.get("/api/none"), 404)["title"] == HTTPStatus.NOT_FOUND.phrase


def test_the_answer_to_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    response = client.delete("/predict")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("address", ["/", "/models/none", "/api/v1/models"])
def test_a_host_that_cannot_be_read_is_the_clients_error(client: FlaskClient, address: str) -> None:
    response = client.get(address, headers={"Host": "a" * 64 + ".example"})
    assert problem_of(response, 400)["type"] == "about:blank"


def test_an_unavailable_model_is_503_to_programs_and_people(tmp_path: Path) -> None:
    client = make_app(models=str(damaged_copy(tmp_path / "models", "bedside"))).test_client()
    assert "did not pass the checks" in problem_of(client.post("/api/v1/predict", json=example()), 503)["detail"]
    response = client.get("/models/bedside")
    assert response.status_code == 503
    assert "The model bedside is not available" in Page(response.text).text("main")

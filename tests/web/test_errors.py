from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

import pytest
from flask import request
from werkzeug.exceptions import HTTPException

from heartapp.errors import HeartappError
from heartapp.web.errors import DETAILS
from tests.client import PROBLEM, Page, damaged_copy, entries, example, form_page, make_app, problem_of, submit

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

SENTINEL = "61.946283"
BOTH = pytest.mark.parametrize(("address", "program"), [("/boom", False), ("/api/v1/boom", True)])


def raising(error: type[Exception]) -> Flask:
    """An application with two addresses at which an error is raised that quotes what was sent."""
    app = make_app()

    def boom() -> NoReturn:
        raise error(f"cannot use {request.get_data(as_text=True)}")

    app.add_url_rule("/boom", "boom", boom, methods=["POST"])
    app.add_url_rule("/api/v1/boom", "api_boom", boom, methods=["POST"])
    return app


@BOTH
def test_an_unexpected_error_is_a_problem_to_programs_and_a_page_to_people(address: str, *, program: bool) -> None:
    response = raising(ValueError).test_client().post(address, data=SENTINEL)
    detail = DETAILS[HTTPStatus.INTERNAL_SERVER_ERROR]
    if program:
        assert problem_of(response, 500)["detail"] == detail
    else:
        page = Page(response.text)
        assert (response.status_code, response.mimetype) == (500, "text/html")
        assert detail in page.text("main")
        assert page.all("a[@href='/']")


@BOTH
def test_neither_the_answer_nor_the_log_repeats_what_an_unexpected_error_says(
    address: str, caplog: pytest.LogCaptureFixture, *, program: bool
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = raising(ValueError).test_client().post(address, data=SENTINEL)
    assert response.mimetype == (PROBLEM if program else "text/html")
    assert SENTINEL not in response.text
    assert SENTINEL not in caplog.text
    assert "cannot use" not in response.text
    assert caplog.messages[0].startswith(f"ValueError while answering {'api_' * program}boom\n")
    assert "in boom" in caplog.messages[0]


def test_an_unexpected_error_is_told_the_same_way_when_flask_is_told_to_test() -> None:
    app = raising(ZeroDivisionError)
    app.testing = True
    assert problem_of(app.test_client().post("/api/v1/boom"), 500)["title"] == "Internal Server Error"


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("GET", "/none", 404), ("PUT", "/predict", 405), ("GET", "/models/none", 404), ("POST", "/livez", 405)],
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


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("GET", "/api/v1/none", 404), ("GET", "/api/none", 404), ("GET", "/api/v1/predict", 405)],
)
def test_a_program_gets_a_problem(client: FlaskClient, method: str, address: str, status: int) -> None:
    assert problem_of(client.open(address, method=method), status)["title"] == HTTPStatus(status).phrase


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("/api/v1/predict", {"POST"}), ("/api/v1/models", {"GET", "HEAD"}), ("/predict", {"GET", "HEAD", "POST"})],
)
def test_a_wrong_method_is_told_the_right_ones(client: FlaskClient, address: str, allowed: set[str]) -> None:
    response = client.delete(address)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {*allowed, "OPTIONS"}


@pytest.mark.parametrize("address", ["/", "/models/none", "/api/v1/models"])
def test_a_host_that_cannot_be_read_is_the_callers_fault(client: FlaskClient, address: str) -> None:
    response = client.get(address, headers={"Host": "a" * 64 + ".example"})
    assert problem_of(response, 400)["type"] == "about:blank"


def test_a_status_without_words_of_its_own_is_told_by_its_phrase() -> None:
    app = make_app()

    class TeapotError(HTTPException):
        code = 418

    def pour() -> NoReturn:
        raise TeapotError(SENTINEL)

    app.add_url_rule("/api/v1/pour", "pour", pour)
    body = problem_of(app.test_client().get("/api/v1/pour"), 418)
    assert body["detail"] == f"{HTTPStatus.IM_A_TEAPOT.phrase}."


def test_every_error_that_a_request_can_meet_has_a_status(client: FlaskClient) -> None:
    body = problem_of(client.post("/api/v1/predict", json={}), 422)
    assert body["detail"].endswith("faulty fields; nothing was predicted.")
    assert problem_of(client.post("/api/v1/predict?model=none", json=example()), 404)["detail"].startswith("No model")


def test_an_unavailable_model_is_503_to_programs_and_people(tmp_path: Path) -> None:
    app = make_app(models=str(damaged_copy(tmp_path / "models", "bedside")))
    client = app.test_client()
    assert "did not pass the checks" in problem_of(client.post("/api/v1/predict", json=example()), 503)["detail"]
    assert problem_of(client.get("/api/v1/models/bedside"), 503)["title"] == "Service Unavailable"
    for response, subject in (
        (client.get("/models/bedside"), "The model bedside"),
        (submit(client, entries()), "The bedside model"),
    ):
        assert response.status_code == 503
        assert f"{subject} is not available" in Page(response.text).text("main")


def test_the_log_names_what_is_wrong_with_a_bundle_and_no_error_is_without_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    form_page(make_app(models=str(damaged_copy(tmp_path / "models", "followup"))).test_client())
    assert [message.partition(":")[0] for message in caplog.messages] == ["model followup is not served"]
    assert all(kind.__doc__ for kind in HeartappError.__subclasses__())

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from heartapp.errors import FieldError, HeartappError
from heartapp.web.problems import MEDIA_TYPE, STATUSES, TYPES, problem
from tests.client import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask
    from flask.testing import FlaskClient


def document(app: Flask, status: int, errors: Sequence[FieldError] = (), *, linked: bool = True) -> dict[str, Any]:
    with app.test_request_context():
        response = problem(status, "What is wrong.", errors, linked=linked)
    assert (response.status_code, response.mimetype) == (status, MEDIA_TYPE)
    body: dict[str, Any] = json.loads(response.data)
    return body


@pytest.mark.parametrize("status", TYPES)
def test_a_problem_has_the_keys_of_rfc_9457_and_a_type_of_its_status(app: Flask, status: int) -> None:
    body = document(app, status)
    assert list(body) == ["type", "title", "status", "detail"]
    assert body["status"] == status
    assert body["detail"] == "What is wrong."


def test_types_tell_the_statuses_apart(app: Flask) -> None:
    assert len({document(app, status)["type"] for status in TYPES}) == len(TYPES)


def test_a_status_without_a_type_of_its_own_is_other(app: Flask) -> None:
    assert document(app, 418)["type"].endswith("#other")


def test_every_type_is_explained_where_it_points(app: Flask, client: FlaskClient) -> None:
    for status in TYPES:
        address, _, anchor = document(app, status)["type"].partition("#")
        assert Page(client.get(address).text).text(anchor) == str(int(status))


def test_a_problem_that_links_nowhere_says_so_as_the_rfc_does(app: Flask) -> None:
    assert document(app, 400, linked=False)["type"] == "about:blank"


def test_errors_name_field_and_message_and_the_row_where_there_is_one(app: Flask) -> None:
    errors = [FieldError("age", "is missing"), FieldError("sex", "is missing", 0)]
    assert document(app, 422, errors)["errors"] == [
        {"field": "age", "message": "is missing"},
        {"field": "sex", "message": "is missing", "row": 0},
    ]


def test_the_table_of_statuses_names_errors_of_the_domain_alone() -> None:
    assert all(issubclass(kind, HeartappError) for kind in STATUSES)
    assert all(status >= 400 for status in STATUSES.values())

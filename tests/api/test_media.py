from http import HTTPStatus

import pytest
from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from heartapp.api.media import MEDIA_TYPES, negotiate
from heartapp.web.body import CSV, JSON
from heartapp.web.problems import RequestError


def asked(sent: str | None, accept: str | None = None) -> tuple[str, str]:
    headers = Headers({} if accept is None else {"Accept": accept})
    return negotiate(Request(EnvironBuilder(method="POST", content_type=sent, headers=headers).get_environ()))


def refusal(sent: str | None, accept: str | None = None) -> RequestError:
    with pytest.raises(RequestError) as caught:
        asked(sent, accept)
    return caught.value


@pytest.mark.parametrize("sent", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_a_media_type_may_have_parameters_and_any_case(sent: str) -> None:
    assert asked(sent) == (JSON, JSON)


@pytest.mark.parametrize("sent", [None, "", "text/plain", "application/jsonx", "json"])
def test_another_media_type_is_refused_with_the_right_ones(sent: str | None) -> None:
    error = refusal(sent)
    assert error.status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert JSON in str(error)
    assert CSV in str(error)


@pytest.mark.parametrize("sent", MEDIA_TYPES)
@pytest.mark.parametrize("accept", [None, "", "*/*", "text/html, */*;q=0.1", "application/*, text/*"])
def test_who_names_none_is_answered_in_the_same_kind(sent: str, accept: str | None) -> None:
    assert asked(sent, accept) == (sent, sent)


@pytest.mark.parametrize("sent", MEDIA_TYPES)
@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (JSON, JSON),
        (CSV, CSV),
        ("TEXT/CSV; charset=utf-8; header=present", CSV),
        (f"{JSON}, text/plain, */*", JSON),
        (f"{JSON};q=0.4, {CSV};q=0.5", CSV),
        (f"image/png, {CSV};q=0.1", CSV),
        (f"{JSON};q=0, */*", CSV),
        ("text/*", CSV),
    ],
)
def test_accept_says_what_is_answered(sent: str, accept: str, wanted: str) -> None:
    assert asked(sent, accept) == (sent, wanted)


@pytest.mark.parametrize("sent", MEDIA_TYPES)
@pytest.mark.parametrize("accept", ["image/png", "*/*;q=0", f"{JSON};q=0", "nonsense"])
def test_what_allows_none_is_406_and_the_possible_ones_are_named(sent: str, accept: str) -> None:
    error = refusal(sent, accept)
    assert error.status is HTTPStatus.NOT_ACCEPTABLE
    assert JSON in str(error)
    assert CSV in str(error)

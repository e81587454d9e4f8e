from collections.abc import Mapping

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from heartapp.api.query import (
    HIGHEST_THRESHOLD,
    LOWEST_THRESHOLD,
    MOST_DETAILED,
    Query,
    read_query,
)
from heartapp.inference.curve import FIRST_DAY, LAST_DAY
from heartapp.inference.model import Options
from heartapp.web.body import read_parameters
from heartapp.web.problems import RequestError

SENTINEL = "61946283"
days = st.integers(FIRST_DAY, LAST_DAY)


def request(query: Mapping[str, str] | str) -> Request:
    return Request(EnvironBuilder(query_string=query).get_environ())


def read(**query: str) -> Query:
    return read_query(request(query))


def refusal(**query: str) -> str:
    with pytest.raises(RequestError) as caught:
        read(**query)
    assert caught.value.status == 400
    return str(caught.value)


def test_the_defaults_are_the_risk_alone_from_the_default_model() -> None:
    assert read() == read(explain="false", survival="false") == Query()


@given(st.floats(LOWEST_THRESHOLD, HIGHEST_THRESHOLD))
def test_a_threshold_is_taken_as_written(threshold: float) -> None:
    assert read(threshold=repr(threshold)).options == Options(threshold=threshold)


@pytest.mark.parametrize("text", ["", "nan", "0.0099", "0.9901", "-0.3", "0,3", SENTINEL, " 0.3", "0.3_2"])
def test_a_threshold_outside_the_limits_is_refused(text: str) -> None:
    assert refusal(threshold=text) == "The query parameter threshold must be a number from 0.01 to 0.99."


@given(st.lists(days, min_size=1, max_size=LAST_DAY - FIRST_DAY + 1))
def test_days_keep_the_order_in_which_they_are_written(asked: list[int]) -> None:
    assert read(horizon=",".join(map(str, asked))).options.horizons == tuple(asked)


@pytest.mark.parametrize(
    "text",
    ["", "90,", "29", "181", "90.0", "90\n", "\u0669\u0660", SENTINEL, ",".join(["90"] * (LAST_DAY - FIRST_DAY + 2))],
)
def test_days_outside_the_curve_or_too_many_are_refused(text: str) -> None:
    assert refusal(horizon=text) == (
        "The query parameter horizon must be whole days from 30 to 180, such as 90 or 90,180."
    )


@pytest.mark.parametrize("name", ["explain", "instability", "survival"])
def test_a_flag_is_true_or_false(name: str) -> None:
    assert read(**{name: "false"}).options == Options()
    assert read(**{name: "true"}).options != Options()
    for text in ("", "1", "True", "TRUE", "yes", "on", SENTINEL):
        assert refusal(**{name: text}) == f"The query parameter {name} must be true or false."


def test_faulty_patients_are_refused_unless_they_are_to_be_skipped() -> None:
    assert [read(on_error=value).skip for value in ("refuse", "skip")] == [False, True]
    assert refusal(on_error="guess") == "The query parameter on_error must be refuse or skip."


@pytest.mark.parametrize(
    "query", [{"survival": "true"}, {"horizon": "90"}, {"explain": "true"}, {"instability": "true"}]
)
def test_details_are_for_a_limited_number_of_patients(query: dict[str, str]) -> None:
    read(**query).check_count(MOST_DETAILED)
    with pytest.raises(RequestError, match=f"at most {MOST_DETAILED} patients") as caught:
        read(**query).check_count(MOST_DETAILED + 1)
    assert caught.value.status == 413
    read(threshold="0.4").check_count(100 * MOST_DETAILED)


@pytest.mark.parametrize(
    ("query", "allowed", "said"),
    [
        ("Model=bedside", ("model",), "Unknown query parameter 'Model'; allowed here: model."),
        (f"model=a&age={SENTINEL}", ("model",), "Unknown query parameter 'age'"),
        ("model=a&model=a", ("model",), "The query parameter model may appear only once."),
        ("%22%0A=1", (), r"""Unknown query parameter '"\n'"""),
        ("a" * 5_000 + "=1", (), "Unknown query parameter 'aaa"),
    ],
)
def test_a_parameter_that_is_unknown_or_there_twice_is_refused(query: str, allowed: tuple[str, ...], said: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_parameters(request(query), allowed)
    assert caught.value.status == 400
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200
    assert SENTINEL not in str(caught.value)

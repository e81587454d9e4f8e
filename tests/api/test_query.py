from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.api.body import RequestError
from heartapp.api.query import (
    HIGHEST_THRESHOLD,
    LOWEST_THRESHOLD,
    MOST_DETAILED,
    PARAMETERS,
    read_options,
    read_skip,
)
from heartapp.inference.model import Options
from heartapp.inference.survival import DEFAULT_HORIZONS, FIRST_DAY, LAST_DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

SENTINEL = "61946283"
DETAILS = ({"survival": "true"}, {"horizon": "90"}, {"explain": "true"}, {"instability": "true"})

days = st.integers(FIRST_DAY, LAST_DAY)


def refusal(query: Mapping[str, str], *, patients: int = 1) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read_options(query, patients=patients)
    return caught.value


@pytest.mark.parametrize("query", [{}, {"model": "followup"}, {"explain": "false", "survival": "false"}])
def test_by_default_nothing_is_asked_beside_the_risk(query: dict[str, str]) -> None:
    assert read_options(query, patients=1) == Options()


@given(st.floats(LOWEST_THRESHOLD, HIGHEST_THRESHOLD))
def test_a_threshold_is_taken_as_it_is_written(threshold: float) -> None:
    assert read_options({"threshold": repr(threshold)}, patients=1) == Options(threshold=threshold)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "nan",
        "inf",
        "-inf",
        "0",
        "1",
        "0.0099",
        "0.9901",
        "-0.3",
        "0,3",
        "30%",
        SENTINEL,
        "0.3.1",
        " 0.3",
        "0.3_2",
    ],
)
def test_a_threshold_that_is_no_number_within_the_limits_is_refused(text: str) -> None:
    error = refusal({"threshold": text})
    assert (error.status, str(error)) == (400, "The query parameter threshold must be a number from 0.01 to 0.99.")


def test_survival_is_that_by_the_default_days_and_named_days_go_before_them() -> None:
    assert read_options({"survival": "true"}, patients=1).horizons == DEFAULT_HORIZONS
    assert read_options({"survival": "true", "horizon": "120"}, patients=1).horizons == (120,)
    assert read_options({"survival": "false", "horizon": "120"}, patients=1).horizons == (120,)


@given(st.lists(days, min_size=1, max_size=LAST_DAY - FIRST_DAY + 1))
def test_days_are_taken_in_the_order_they_are_written(asked: list[int]) -> None:
    assert read_options({"horizon": ",".join(map(str, asked))}, patients=1).horizons == tuple(asked)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "90,",
        "90,,180",
        "29",
        "181",
        "90.0",
        "090",
        "+90",
        "-90",
        "9e1",
        "90 ,180",
        "\u0669\u0660",
        "a",
        SENTINEL,
    ],
)
def test_days_that_are_not_whole_ones_of_the_curve_are_refused(text: str) -> None:
    error = refusal({"horizon": text})
    assert error.status == 400
    assert str(error) == "The query parameter horizon must be whole days from 30 to 180, such as 90 or 90,180."


def test_more_days_than_the_curve_has_are_refused() -> None:
    every = [str(day) for day in range(FIRST_DAY, LAST_DAY + 1)]
    assert len(read_options({"horizon": ",".join(every)}, patients=1).horizons) == len(every)
    assert refusal({"horizon": ",".join([*every, "90"])}).status == 400


@pytest.mark.parametrize("name", ["survival", "explain", "instability"])
def test_a_flag_is_true_or_false(name: str) -> None:
    plain, flagged = (read_options({name: text}, patients=1) for text in ("false", "true"))
    assert plain == Options()
    assert flagged != Options()
    for text in ("", "1", "True", "TRUE", "yes", "on", SENTINEL):
        error = refusal({name: text})
        assert (error.status, str(error)) == (400, f"The query parameter {name} must be true or false.")


def test_each_flag_asks_for_its_own_detail() -> None:
    assert read_options({"explain": "true"}, patients=1) == Options(explain=True)
    assert read_options({"instability": "true"}, patients=1) == Options(instability=True)


@pytest.mark.parametrize("query", DETAILS, ids=str)
def test_details_are_for_so_many_patients_at_a_time(query: dict[str, str]) -> None:
    assert read_options(query, patients=MOST_DETAILED) != Options()
    error = refusal(query, patients=MOST_DETAILED + 1)
    assert error.status == 413
    assert f"at most {MOST_DETAILED} patients" in str(error)


def test_a_threshold_alone_is_for_any_number_of_patients() -> None:
    assert read_options({"threshold": "0.4"}, patients=100 * MOST_DETAILED) == Options(threshold=0.4)


@given(st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=12) | st.just(SENTINEL)))
def test_whatever_is_written_is_asked_or_refused_without_being_repeated(query: dict[str, str]) -> None:
    try:
        told = repr(read_options(query, patients=1))
    except RequestError as error:
        told = str(error)
    assert SENTINEL not in told


def test_faulty_patients_are_refused_unless_they_are_to_be_skipped() -> None:
    assert not read_skip({})
    assert not read_skip({"on_error": "refuse"})
    assert read_skip({"on_error": "skip"})
    with pytest.raises(RequestError, match="on_error must be refuse or skip"):
        read_skip({"on_error": "guess"})

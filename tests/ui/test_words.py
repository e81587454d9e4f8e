from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.model import ModelIdentity, Prediction, Vote
from heartapp.inference.report import Spread
from heartapp.ui import words
from heartapp.web.extension import get_registry

if TYPE_CHECKING:
    from flask import Flask

    from heartapp.inference.report import Evaluation

THRESHOLDS = [per_cent / 100 for per_cent in range(1, 100)]


def prediction(risk: float, threshold: float = 0.32, deaths: int | None = None) -> Prediction:
    """A prediction of this risk; members vote as its class demands where their number is not named."""
    if deaths is None:
        deaths = 2 if risk >= threshold else 1
    return Prediction(
        model=ModelIdentity("bedside", "1", "sha256:" + "0" * 64),
        death_event=int(risk >= threshold),
        risk=risk,
        threshold=threshold,
        base_rate=0.32,
        votes=tuple(Vote(member, risk, int(index < deaths)) for index, member in enumerate(MEMBERS)),
        cautions=(),
    )


@pytest.mark.parametrize(
    ("share", "people"), [(0, 0), (0.004, 0), (0.005, 1), (0.32, 32), (0.3249, 32), (0.325, 33), (0.995, 100), (1, 100)]
)
def test_a_share_is_rounded_to_whole_people_half_up(share: float, people: int) -> None:
    assert words.of_hundred(share) == people


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "fewer than 1 of 100"),
        (0.0049, "fewer than 1 of 100"),
        (0.005, "1 of 100"),
        (0.32, "32 of 100"),
        (0.994, "99 of 100"),
        (0.995, "more than 99 of 100"),
        (1, "more than 99 of 100"),
    ],
)
def test_what_rounds_to_none_or_all_is_not_called_none_or_all(share: float, said: str) -> None:
    assert words.frequency(share) == said


@pytest.mark.parametrize(
    ("risk", "said"),
    [(0.001, "under 1%"), (0.005, "just under 1%"), (0.5, "50%"), (0.9949, "99%"), (0.9951, "over 99%")],
)
def test_a_risk_is_never_0_or_100_per_cent(risk: float, said: str) -> None:
    assert words.risk_per_cent(prediction(risk, 0.01)) == said


@pytest.mark.parametrize(
    ("risk", "threshold", "said"),
    [
        (0.3199, 0.32, "just under 32 of 100"),
        (0.315, 0.32, "just under 32 of 100"),
        (0.3149, 0.32, "31 of 100"),
        (0.32, 0.32, "32 of 100"),
        (0.3201, 0.32, "32 of 100"),
        (0.2799, 0.28, "just under 28 of 100"),
    ],
)
def test_a_risk_that_rounds_to_a_threshold_it_does_not_reach_is_just_under_it(
    risk: float, threshold: float, said: str
) -> None:
    told = prediction(risk, threshold)
    assert words.risk_frequency(told) == said
    assert words.risk_per_cent(told) == said.replace(" of 100", "%")


@given(st.floats(0, 1), st.sampled_from(THRESHOLDS))
def test_what_is_said_of_a_risk_never_contradicts_the_class(risk: float, threshold: float) -> None:
    told = prediction(risk, threshold)
    shown = float(words.per_cent(threshold).rstrip("%"))
    for said in (words.risk_frequency(told), words.risk_per_cent(told)):
        number = float(re.search(r"\d+", said)[0])  # type: ignore[index]  # a sentence without a number fails, as it should
        below = number < shown or said.startswith(("just under", "under", "fewer"))
        assert below is not bool(told.death_event)


@given(st.floats(0, 1), st.sampled_from(THRESHOLDS))
def test_per_cent_and_people_of_a_hundred_are_the_same_number(risk: float, threshold: float) -> None:
    told = prediction(risk, threshold)
    numbers = [re.findall(r"\d+", said)[0] for said in (words.risk_frequency(told), words.risk_per_cent(told))]
    assert numbers[0] == numbers[1]


@given(st.floats(0, 1))
def test_no_share_is_rounded_by_more_than_half_a_person(share: float) -> None:
    assert abs(words.of_hundred(share) - share * 100) <= 0.5 + 1e-9
    assert words.per_cent(share) == f"{words.of_hundred(share)}%"


def test_per_cent_with_decimals_keeps_them() -> None:
    assert words.per_cent(0.3211, 1) == "32.1%"
    assert words.per_cent(0.5, 2) == "50.00%"


@pytest.mark.parametrize(
    ("deaths", "said"),
    [
        (3, "3 of 3 models expect death during follow-up"),
        (2, "2 of 3 models expect death during follow-up"),
        (1, "2 of 3 models expect survival to the end of follow-up"),
        (0, "3 of 3 models expect survival to the end of follow-up"),
    ],
)
def test_the_verdict_counts_those_who_agree_with_the_majority(deaths: int, said: str) -> None:
    assert words.verdict(prediction(0.9 if deaths >= 2 else 0.1, deaths=deaths)) == said


def test_the_announcement_is_the_verdict_and_the_risk_in_one_breath() -> None:
    assert words.announcement(prediction(0.3199)) == (
        "Result: 2 of 3 models expect survival to the end of follow-up. "
        "Just under 32 of 100 such patients die during follow-up."
    )


def test_agreement_is_never_said_as_a_per_cent() -> None:
    for deaths, risk in ((3, 0.9), (2, 0.9), (1, 0.1), (0, 0.1)):
        assert "%" not in words.verdict(prediction(risk, deaths=deaths))


@pytest.mark.parametrize(("text", "said"), [("just under", "Just under"), ("32 of 100", "32 of 100"), ("", "")])
def test_the_beginning_of_a_sentence_has_a_capital(text: str, said: str) -> None:
    assert words.capital(text) == said


def test_every_member_and_every_model_that_is_trained_has_a_name_for_people() -> None:
    assert set(words.MEMBER_LABELS) == set(MEMBERS)
    assert set(words.MODEL_LABELS) == set(MODEL_VARIABLES)


def test_the_follow_up_model_says_what_it_cannot_do() -> None:
    assert "known only afterwards" in words.MODEL_LABELS["followup"][1]


def evaluation(app: Flask, trees: float, plain: float) -> Evaluation:
    """A shipped model's evaluation with these Brier scores."""
    measured = get_registry(app).get("bedside").bundle.report.evaluation
    assert measured is not None
    changed = {
        "metrics": {**measured.metrics, "brier": Spread(trees, 0, trees, trees)},
        "comparators": {"spline_regression": {"brier": Spread(plain, 0, plain, plain)}},
    }
    return msgspec.structs.replace(measured, **changed)


@pytest.mark.parametrize(
    ("trees", "plain", "said"),
    [(0.1, 0.2, "do better"), (0.2, 0.1, "do not do better"), (0.2, 0.2, "do not do better")],
)
def test_the_comparison_with_a_plain_model_is_said_either_way(
    app: Flask, trees: float, plain: float, said: str
) -> None:
    assert f"The three trees {said} by Brier score." in words.comparison(evaluation(app, trees, plain))


def test_every_measure_and_comparator_of_a_report_has_a_name_for_people(app: Flask) -> None:
    for model in get_registry(app).models:
        measured = model.bundle.report.evaluation
        assert measured is not None
        assert set(words.METRIC_LABELS) <= set(measured.metrics)
        assert set(measured.comparators) <= set(words.COMPARATOR_LABELS)

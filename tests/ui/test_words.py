from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.numbers import of_hundred, per_cent
from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.cautions import Caution
from heartapp.inference.explanation import Contribution, Explanation
from heartapp.inference.model import ModelIdentity, Prediction, Survival, Vote
from heartapp.inference.survival import DEFAULT_HORIZONS, FIRST_DAY, LAST_DAY
from heartapp.inference.turning_points import TurningPoint
from heartapp.ui import words

if TYPE_CHECKING:
    from heartapp.inference.cautions import Kind

THRESHOLDS = [number / 100 for number in range(1, 100)]


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
        missing=(),
    )


def survival(risk: float, *, agrees: bool) -> Survival:
    """A curve that reaches this risk on its last day."""
    risks = (risk / 2, risk)
    return Survival((FIRST_DAY, LAST_DAY), risks, risks, risks, agrees)


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
    shown = float(per_cent(threshold).rstrip("%"))
    for said in (words.risk_frequency(told), words.risk_per_cent(told)):
        number = float(re.search(r"\d+", said)[0])  # type: ignore[index]  # a sentence without a number fails, as it should
        below = number < shown or said.startswith(("just under", "under", "fewer"))
        assert below is not bool(told.death_event)


@given(st.floats(0, 1), st.sampled_from(THRESHOLDS))
def test_per_cent_and_people_of_a_hundred_are_the_same_number(risk: float, threshold: float) -> None:
    told = prediction(risk, threshold)
    numbers = [re.findall(r"\d+", said)[0] for said in (words.risk_frequency(told), words.risk_per_cent(told))]
    assert numbers[0] == numbers[1]


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
        "The model expects: just under 32 of 100 such patients die during follow-up."
    )


def test_a_caution_of_a_value_names_its_variable_and_others_name_it_themselves() -> None:
    kinds: dict[Kind, str] = {
        "outside_range": "Age",
        "edge_of_range": "Age",
        "unusual_combination": "",
        "known_afterwards": "",
    }
    assert {kind: words.labelled(Caution("age", kind, "Odd")) for kind in kinds} == kinds


@pytest.mark.parametrize(
    ("name", "served", "said"),
    [
        ("bedside", ("followup",), "The bedside model is not available"),
        ("nobody", ("bedside",), "The nobody model is not available"),
        ("bedside", (), "No model is available"),
        (None, (), "No model is available"),
    ],
)
def test_a_model_that_is_not_available_is_named_unless_none_is(
    name: str | None, served: tuple[str, ...], said: str
) -> None:
    assert words.unavailable(name, served) == said


@pytest.mark.parametrize("kind", ["outside_range", "unusual_combination"])
def test_for_an_unfamiliar_patient_the_announcement_begins_with_the_base_rate(kind: Kind) -> None:
    told = words.announcement(msgspec.structs.replace(prediction(0.9), cautions=(Caution("age", kind, "Odd"),)))
    assert told.startswith("Result: The model has not seen such patients. 32 of 100 patients of the study died ")
    assert told.endswith("90 of 100 such patients die during follow-up.")


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(THRESHOLDS))
def test_no_number_told_beside_a_risk_is_read_as_on_the_other_side_of_the_threshold(
    risk: float, share: float, threshold: float
) -> None:
    said = words.people(prediction(risk, threshold), share)
    below = said.startswith(("just under", "fewer")) or int(re.findall(r"\d+", said)[0]) < of_hundred(threshold)
    assert below is (share < threshold)


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "fewer than 1"), (0.21, "21"), (0.319, "just under 32"), (0.44, "44"), (0.996, "more than 99")],
)
def test_a_range_is_told_in_whole_people(share: float, said: str) -> None:
    assert words.people(prediction(0.5), share) == said


@pytest.mark.parametrize(("share", "said"), [(0.004, "under 1"), (0.005, "1"), (0.61, "61"), (0.996, "over 99")])
def test_an_end_of_a_range_is_never_none_or_all(share: float, said: str) -> None:
    assert words.bound(share) == said


def test_whose_threshold_it_is() -> None:
    assert words.threshold(prediction(0.5), 0.32) == "This is the model’s own threshold."
    chosen = words.threshold(prediction(0.5, 0.45), 0.32)
    assert chosen == "This is the threshold that you chose; the model’s own is 32%."


@pytest.mark.parametrize(("asked", "days"), [([], [90, 180]), ([47], [47, 90, 180]), ([180], [90, 180])])
def test_the_days_told_in_numbers_are_two_and_the_readers_own(asked: list[int], days: list[int]) -> None:
    assert tuple(days) == tuple(sorted({*DEFAULT_HORIZONS, *asked}))
    assert words.named_days(asked) == days


def test_the_curve_in_words_is_where_it_begins_and_ends() -> None:
    assert words.curve_in_words(prediction(0.5), survival(0.42, agrees=True)) == (
        "The risk of death rises from 21 of 100 by day 30 to 42 of 100 by day 180. The table gives the numbers."
    )


@pytest.mark.parametrize(
    ("risk", "by_the_last_day", "said"),
    [
        (
            0.5,
            0.3199,
            "expects death during follow-up, but the survival model puts the risk by day 180 at just under 32",
        ),
        (0.5, 0.2, "at 20 of 100, below the threshold of 32%"),
        (0.2, 0.32, "at 32 of 100, at or above the threshold of 32%"),
        (0.2, 0.6, "expects survival to the end of follow-up, but the survival model puts the risk by day 180 at 60"),
    ],
)
def test_where_the_survival_model_comes_down_on_the_other_side_that_is_said(
    risk: float, by_the_last_day: float, said: str
) -> None:
    told = msgspec.structs.replace(prediction(risk), survival=survival(by_the_last_day, agrees=False))
    assert said in words.difference(told)
    assert words.announcement(told).endswith(" The models differ.")


def test_where_the_models_agree_or_there_is_no_curve_nothing_is_said_of_a_difference() -> None:
    assert words.difference(prediction(0.5)) == ""
    assert words.difference(msgspec.structs.replace(prediction(0.5), survival=survival(0.6, agrees=True))) == ""


def test_contributions_that_are_rounding_errors_are_none() -> None:
    told = Explanation(
        0.2,
        (
            Contribution("age", 70, 0.1),
            Contribution("sex", None, -1e-3),
            Contribution("serum_sodium", 137, 8e-18),
            Contribution("diabetes", 0, 0.0),
        ),
    )
    assert [one.field for one in words.active(told)] == ["age", "sex"]
    assert words.idle(told) == "serum sodium and diabetes"
    assert words.idle(Explanation(0.2, told.contributions[:2])) == ""


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("ejection_fraction", 25, "Ejection fraction of 25%"),
        ("age", 60.667, "Age of 60.667 years"),
        ("anaemia", 1, "Anaemia (yes)"),
        ("sex", 0, "Sex (woman)"),
        ("serum_sodium", None, "Serum sodium (not known)"),
    ],
)
def test_a_factor_is_a_variable_with_the_patients_value(field: str, value: float | None, said: str) -> None:
    assert words.factor(field, value) == said


@pytest.mark.parametrize(
    ("contribution", "said"),
    [
        (0.29, "raises the risk by 29 points"),
        (-0.05, "lowers the risk by 5 points"),
        (0.0149, "raises the risk by 1 point"),
        (-0.0049, "lowers the risk by less than 1 point"),
    ],
)
def test_a_contribution_is_told_in_percentage_points(contribution: float, said: str) -> None:
    assert f"{words.effect(contribution)} {words.points(contribution)}" == said


@pytest.mark.parametrize(("field", "value", "said"), [("serum_creatinine", 1.9, "1.9 mg/dL"), ("anaemia", 1.0, "yes")])
def test_a_turning_point_is_a_value_as_people_write_it(field: str, value: float, said: str) -> None:
    assert words.turned(TurningPoint(field, value)) == said


@pytest.mark.parametrize(
    ("fields", "used", "said"),
    [
        (["platelets"], [], "platelets. This model does not use it."),
        (["platelets", "sex"], ["age"], "platelets and sex. This model does not use them."),
        (["platelets"], ["platelets"], "platelets. The model uses it where known."),
        (["platelets", "sex"], ["platelets", "sex"], "platelets and sex. The model uses them where known."),
        (
            ["platelets", "sex", "smoking"],
            ["sex"],
            "platelets, sex and smoking. Of these the model uses sex where known.",
        ),
    ],
)
def test_what_was_left_out_is_named_and_whether_it_counts(fields: list[str], used: list[str], said: str) -> None:
    assert words.missing(fields, used) == f"Not known: {said}"


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

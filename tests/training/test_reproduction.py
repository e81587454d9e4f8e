from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from heartapp.training import reproduction
from heartapp.training.data import read_table
from heartapp.training.reproduction import (
    RATES,
    Hazard,
    Reproduction,
    Row,
    precision_recall_area,
    rates_of,
    reproduce,
)

if TYPE_CHECKING:
    from pathlib import Path

LABELS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60).filter(
    lambda pairs: len({truth for truth, _ in pairs}) == 2
)


@pytest.fixture(scope="module")
def found(cohort: Path) -> Reproduction:
    return reproduce(read_table(cohort), splits=2, refits=4)


def test_theirs_stand_beside_ours(found: Reproduction) -> None:
    assert [(row.method, row.theirs[0]) for row in found.bedside if row.theirs] == [
        ("random forest", 0.384),
        ("decision tree", 0.376),
        ("gradient boosting", 0.367),
        ("linear regression", 0.332),
    ]
    assert [(row.method, row.theirs[0], row.theirs[2]) for row in found.followup if row.theirs] == [
        ("three variables", 0.616, 0.838),
        ("all variables", 0.607, 0.833),
    ]
    assert all(len(row.ours) == len(RATES) for row in (*found.bedside, *found.followup))


def test_their_area_of_hard_labels_is_the_mean_of_their_two_rates(found: Reproduction) -> None:
    hard = [row for row in (*found.bedside, *found.followup) if row.labels]
    assert [row.method for row in hard] == ["decision tree", "linear regression", "three variables", "all variables"]
    for row in hard:
        assert (row.ours[3] + row.ours[4]) / 2 == pytest.approx(row.ours[6], abs=0.0011)
    assert "ROC = (0.532 + 0.831) / 2: of hard labels" in found.text()


@pytest.mark.parametrize("method", [*reproduction._BEDSIDE, *reproduction._FOLLOWUP])
def test_every_method_gives_seven_rates(cohort: Path, method: reproduction._Method) -> None:
    table = read_table(cohort)
    ((train, test),) = reproduction._sides(len(table.outcome), 1, 0)
    assert (len(train), len(test)) == (120, 30)
    rates = reproduction._rates(method, table, 0, train, test)
    assert len(rates) == len(RATES)
    assert all(-1 <= rate <= 1 for rate in rates)


def test_a_stronger_risk_has_a_higher_hazard_ratio() -> None:
    generator = np.random.default_rng(0)
    strong, none = generator.normal(size=(2, 400))
    time = generator.exponential(np.exp(-strong))
    log_ratios = reproduction._cox(np.column_stack([strong, none]), time, generator.random(400) < 0.8)
    assert log_ratios == pytest.approx([1, 0], abs=0.2)


def test_the_same_seed_gives_the_same_tables(found: Reproduction, cohort: Path) -> None:
    assert reproduce(read_table(cohort), splits=2, refits=4) == found


def test_the_text_shows_both_papers(found: Reproduction) -> None:
    text = found.text()
    for words in ("theirs", "Table 4", "Table 11", "0.616", "Ahmad", "anaemia", "What does not reproduce"):
        assert words in text


def test_what_does_not_reproduce_is_named() -> None:
    same = Row("same", (0.5,) * 7, (0.5,) * 7)
    hazard = Hazard("age", 1.05, 1.02, 1.08, "significant")
    whole = Reproduction(1, 1, 0, [same], [same], [hazard])
    assert whole.text().endswith("- nothing: all is within what the choice of splits explains")
    far = Row("far", (0.5,) * 7, (0.7, *(0.5,) * 6))
    lost = Hazard("anaemia", 1.4, 0.9, 2.1, "significant")
    text = Reproduction(1, 1, 0, [far], [same], [hazard, lost]).text()
    assert "- far, MCC: theirs 0.700, ours 0.500" in text
    assert "- anaemia: significant in their abstract, not significant in the public file" in text


def test_a_test_side_without_deaths_counts_for_nothing(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_table(cohort)
    survivors, rest = np.flatnonzero(table.outcome == 0)[:20], np.arange(len(table.outcome))
    usual = reproduction._sides(len(rest), 1, 0)[0]
    monkeypatch.setattr(reproduction, "_sides", lambda *_: [usual, (usual[0], survivors)])
    assert all(np.isfinite(row.ours).all() for row in reproduce(table, splits=2, refits=1).bedside)


@given(LABELS)
def test_swapping_truth_and_prediction_swaps_sensitivity_for_precision_and_leaves_mcc(
    pairs: list[tuple[int, int]],
) -> None:
    truth, label = np.array(pairs).T
    right = rates_of(truth, label.astype(np.float64))
    assert right[6] == pytest.approx((right[3] + right[4]) / 2)
    if len(set(label.tolist())) == 2:
        swapped = rates_of(label, truth.astype(np.float64))
        assert swapped[:3] == pytest.approx(right[:3])
        assert swapped[3] == pytest.approx((truth * label).sum() / label.sum())


@given(LABELS, st.integers(0, 2**32 - 1))
def test_the_precision_recall_area_is_the_average_precision_where_steps_are_small(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    truth = np.array([truth for truth, _ in pairs])
    score = np.random.default_rng(seed).permutation(len(truth)).astype(np.float64)
    area = precision_recall_area(truth, score)
    assert 0 < area <= 1
    # Without ties a recall step holds one death: both areas differ at most by the step's own share.
    assert area == pytest.approx(average_precision_score(truth, score), abs=1 / truth.sum())


def test_the_precision_recall_area_is_one_for_a_perfect_order_and_the_base_rate_for_none() -> None:
    truth = np.array([0, 0, 0, 1])
    assert precision_recall_area(truth, truth.astype(np.float64)) == pytest.approx(1)
    assert precision_recall_area(truth, np.zeros(4)) == pytest.approx(0.25)


@pytest.mark.data
def test_the_follow_up_table_comes_out_with_their_swap_and_not_without(published_data: Path) -> None:
    table = read_table(published_data)
    sides = reproduction._sides(len(table.outcome), 30, reproduction.SEED)

    def means(method: reproduction._Method) -> tuple[float, ...]:
        rates = [reproduction._rates(method, table, 0, train, test) for train, test in sides]
        return tuple(np.mean(rates, axis=0).tolist())

    swapped, right = means(reproduction._FOLLOWUP[0]), means(reproduction._FOLLOWUP[1])
    theirs = reproduction._FOLLOWUP[0].theirs
    assert swapped == pytest.approx(theirs, abs=0.04)
    assert abs(right[3] - theirs[3]) > 0.08
    assert abs(right[6] - theirs[6]) > 0.04


@pytest.mark.data
def test_the_table_without_time_comes_out_as_published(published_data: Path) -> None:
    table = read_table(published_data)
    for method in reproduction._BEDSIDE[1:4]:
        sides = reproduction._sides(len(table.outcome), 40, reproduction.SEED)
        rates = [reproduction._rates(method, table, 0, train, test) for train, test in sides]
        assert np.mean(rates, axis=0) == pytest.approx(method.theirs, abs=0.05)


@pytest.mark.data
def test_the_cox_model_agrees_on_age_and_ejection_fraction(published_data: Path) -> None:
    hazards = {hazard.variable: hazard for hazard in reproduction._hazards(read_table(published_data), 20, 0)}
    assert hazards["age, a year"].ratio == pytest.approx(1.05, abs=0.01)
    assert hazards["age, a year"].ours == "significant"
    assert hazards["ejection fraction 31-45 %, not ≤ 30"].ratio < 0.5
    assert hazards["diabetes"].theirs == "not named"

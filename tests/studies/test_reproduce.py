from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from sklearn.model_selection import ShuffleSplit

from heartapp.card import write_card
from heartapp.training.data import read_table
from studies import reproduce
from studies.reproduce import RATES, TABLE_4, TABLE_11, Hazard, fit_rates, precision_recall_area
from tests.reports import manifest_of, report_of

LABELS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60).filter(
    lambda pairs: len({truth for truth, _ in pairs}) == 2
)
PUBLISHED = [method for method in (*TABLE_4, *TABLE_11) if method.published]


def test_the_command_prints_both_papers_with_theirs_and_ours(cohort: Path) -> None:
    result = CliRunner().invoke(reproduce.main, [str(cohort), "--splits", "1", "--refits", "2"])
    assert result.exit_code == 0
    for text in ("Table 4", "Table 11", "0.616", "Ahmad", "anaemia"):
        assert text in result.stdout
    assert result.stdout.count("theirs  ") == len(PUBLISHED)
    assert result.stdout.count("ours  ") == len((*TABLE_4, *TABLE_11))


@pytest.mark.parametrize("method", PUBLISHED, ids=lambda method: method.name)
def test_an_area_of_hard_labels_is_the_mean_of_the_two_rates(method: reproduce.Method) -> None:
    mean = (method.published[3] + method.published[4]) / 2
    assert (abs(mean - method.published[6]) < 0.0011) == method.how.startswith("hard labels")


@pytest.mark.parametrize(("name", "methods"), [("bedside", TABLE_4), ("followup", TABLE_11)])
def test_the_model_card_compares_with_the_same_published_figures(
    models: Path, name: str, methods: tuple[reproduce.Method, ...]
) -> None:
    card = write_card(manifest_of(models, name), report_of())
    for method in methods:
        if method.published:
            assert f"(published) | {method.published[0]:.3f} | {method.published[6]:.3f} | {method.how}" in card


def test_test_rows_with_one_outcome_give_no_rates(cohort: Path) -> None:
    table = read_table(cohort)
    split = (np.arange(len(table.outcome)), np.flatnonzero(table.outcome == 0)[:20])
    assert np.isnan(fit_rates(TABLE_4[3], table, split, 0)).all()


@given(LABELS, st.integers(0, 2**32 - 1))
def test_the_precision_recall_area_is_near_the_average_precision_without_ties(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    truth = np.array([truth for truth, _ in pairs])
    score = np.random.default_rng(seed).permutation(len(truth)).astype(np.float64)
    # A step of recall is one death, so the areas differ by its share at most.
    assert precision_recall_area(truth, score) == pytest.approx(
        average_precision_score(truth, score), abs=1 / truth.sum()
    )


def test_the_precision_recall_area_is_1_for_a_perfect_order_and_the_base_rate_for_none() -> None:
    truth = np.array([0, 0, 0, 1])
    assert precision_recall_area(truth, truth.astype(np.float64)) == pytest.approx(1)
    assert precision_recall_area(truth, np.zeros(4)) == pytest.approx(0.25)


def test_a_disagreement_is_marked() -> None:
    rates = reproduce.report_rates("", [TABLE_4[0]], [[0.3, *TABLE_4[0].published[1:]]])
    assert "0.300*" in list(rates)[-1]
    hazards = reproduce.report_hazards(
        [Hazard("age", 1.05, 1.02, 1.08, named=True), Hazard("sodium", 0.9, 0.8, 1.1, named=True)]
    )
    assert [line[-1] == "*" for line in hazards] == [False, True]


@pytest.mark.data
def test_their_figures_come_out_on_the_published_table(published_data: Path) -> None:
    table = read_table(published_data)
    splits = list(ShuffleSplit(30, train_size=0.8, random_state=2020).split(table.values))
    for method in (TABLE_4[3], TABLE_11[0]):
        means = np.mean([fit_rates(method, table, split, 0) for split in splits], axis=0)
        assert means == pytest.approx(method.published, abs=0.05), RATES
    hazards = {hazard.variable: hazard for hazard in reproduce.hazards_of(table, 20, 0)}
    assert hazards["age, per year"].ratio == pytest.approx(1.05, abs=0.01)
    assert hazards["age, per year"].significant

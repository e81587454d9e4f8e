"""The figures are those of an independent calculation: lifelines, scikit-learn, and loops over patients and pairs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import concordance_index
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.metrics import brier_score_loss, roc_auc_score

from heartapp.inference.model import Model
from heartapp.inference.report import Estimate
from heartapp.validation.cohort import read_cohort
from heartapp.validation.mapping import Mapping
from heartapp.validation.refusals import LEAST
from heartapp.validation.report import render_report
from heartapp.validation.result import Calibration, SampleSize, Validation
from heartapp.validation.sample_size import for_auc, for_observed_expected, for_slope
from heartapp.validation.validate import validate
from heartapp.validation.verdict import give_verdict
from tests.client import Page
from tests.conftest import ROOT, require
from tests.validation.conftest import DAYS, Drawn, draw, write_table

Floats = NDArray[np.float64]

MIMIC = ROOT.parent / "shared" / "data" / "external" / "mimic_hf.csv"
MIMIC_MAPPING = Mapping(
    outcome="outcome",
    columns={"ejection_fraction": "EF", "serum_creatinine": "Creatinine", "sex": "gendera"},
    codes={"sex": {"1": 1, "2": 0}},
)
HORIZON = 180
BOOTSTRAPS = 50


def logistic(risk: Floats, died: NDArray[np.bool_], weight: Floats, *, slope: bool) -> float:
    """The slope of a logistic recalibration, or its intercept where the slope is 1, by a general optimiser."""
    odds = np.log(risk / (1 - risk))
    design = np.column_stack([np.ones(len(odds)), odds])[:, : 1 + slope]
    offset = 0 if slope else odds

    def loss(numbers: Floats) -> tuple[float, Floats]:
        line = design @ numbers + offset
        return float(weight @ (np.log1p(np.exp(line)) - died * line)), design.T @ (
            weight * (1 / (1 + np.exp(-line)) - died)
        )

    return float(minimize(loss, [0.0, 1.0][: 1 + slope], jac=True).x[-1])


def binary_figures(risk: Floats, died: NDArray[np.int64]) -> dict[str, float]:
    same = np.ones(len(risk))
    return {
        "auc": float(roc_auc_score(died, risk)),
        "observed_expected": died.mean() / risk.mean(),
        "intercept": logistic(risk, died == 1, same, slope=False),
        "slope": logistic(risk, died == 1, same, slope=True),
        "brier": brier_score_loss(died, risk),
        "scaled_brier": 1 - brier_score_loss(died, risk) / (died.mean() * (1 - died.mean())),
    }


def intervals(
    figures: Callable[..., dict[str, float]], *columns: NDArray[Any], samples: int, seed: int
) -> dict[str, Estimate]:
    """Each figure with its percentile interval, from copies of rows by the plan that docs/validation.md states."""
    rows = len(columns[0])
    counts = np.random.default_rng(seed).multinomial(rows, [1 / rows] * rows, size=samples)
    copies = (np.repeat(np.arange(rows), count) for count in counts)
    drawn = [figures(*(column[copy] for column in columns)) for copy in copies]
    ends = {name: np.percentile([one[name] for one in drawn], [2.5, 97.5]) for name in drawn[0]}
    return {name: Estimate(value, *ends[name].tolist()) for name, value in figures(*columns).items()}


def found_figures(found: Validation) -> dict[str, Estimate | None]:
    return {
        "auc": found.discrimination.auc,
        "harrell": found.discrimination.harrell,
        "uno": found.discrimination.uno,
        "observed_expected": found.calibration.observed_expected,
        "intercept": found.calibration.intercept,
        "slope": found.calibration.slope,
        "brier": found.brier,
        "scaled_brier": found.scaled_brier,
    }


def assert_equal(found: Validation, expected: dict[str, Estimate]) -> None:
    for name, one in expected.items():
        figure = found_figures(found)[name]
        assert figure is not None
        assert figure.value == pytest.approx(one.value, abs=0.002), name
        assert (figure.low, figure.high) == pytest.approx((one.low, one.high), abs=0.01), name


def test_mimic_gives_the_figures_of_an_independent_calculation(bedside: Model) -> None:
    require(MIMIC.is_file(), f"the outside cohort is not at {MIMIC}")
    cohort = read_cohort(MIMIC, bedside, MIMIC_MAPPING)
    assert (cohort.flow.read, cohort.flow.without_outcome, cohort.outcome.sum()) == (1177, 1, 159)
    found = validate(bedside, cohort, bootstraps=BOOTSTRAPS, seed=1)
    risk = bedside.risk(cohort.features(bedside))
    assert_equal(found, intervals(binary_figures, risk, cohort.outcome, samples=BOOTSTRAPS, seed=1))
    assert found.advice == "do not use"


@pytest.fixture(scope="module")
def survival(bedside: Model) -> Drawn:
    return draw(bedside, 500, seed=3)


@pytest.fixture(scope="module")
def follow_up(survival: Drawn) -> tuple[Floats, NDArray[np.int64]]:
    """Days and deaths, where patients are lost from the start on and nobody is followed for more than a year."""
    lost = np.random.default_rng(4).uniform(20, 365, len(survival.days))
    return np.minimum(survival.days, lost), (survival.days <= lost).astype(np.int64)


@pytest.fixture(scope="module")
def survived(
    bedside: Model,
    survival: Drawn,
    follow_up: tuple[Floats, NDArray[np.int64]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Validation:
    days, died = follow_up
    path = tmp_path_factory.mktemp("survival") / "t.csv"
    write_table(path, {**survival.columns, "dead": died, "years": days / DAYS})
    mapping = Mapping(outcome="dead", time="years", time_unit="years")
    return validate(bedside, read_cohort(path, bedside, mapping), bootstraps=BOOTSTRAPS, seed=1)


def survival_figures(days: Floats, died: NDArray[np.int64], risk: Floats) -> dict[str, float]:
    """By lifelines, and by a loop over pairs of patients."""
    followed = KaplanMeierFitter().fit(days, 1 - died)
    observed = 1 - KaplanMeierFitter().fit(days, died).predict(HORIZON)
    dead = (days <= HORIZON) & (died == 1)
    known = dead | (days > HORIZON)
    share = followed.predict(np.where(dead, np.nextafter(days, 0), HORIZON)).to_numpy()
    weight = np.where(known, 1 / share, 0)
    right = total = uno_right = uno_total = 0.0
    for one in np.flatnonzero(dead):
        ordered = (risk < risk[one]) + 0.5 * (risk == risk[one])
        right += weight[one] * (weight * ordered)[days > HORIZON].sum()
        total += weight[one] * weight[days > HORIZON].sum()
        outlived = (days > days[one]) | ((days == days[one]) & (died == 0))
        uno_right += weight[one] ** 2 * ordered[outlived].sum()
        uno_total += weight[one] ** 2 * outlived.sum()
    return {
        "auc": right / total,
        "harrell": concordance_index(days, -risk, died),
        "uno": uno_right / uno_total,
        "observed_expected": observed / risk.mean(),
        "intercept": logistic(risk, dead, weight, slope=False),
        "slope": logistic(risk, dead, weight, slope=True),
        "brier": float((weight * (dead - risk) ** 2).sum() / weight.sum()),
    }


def test_a_survival_cohort_in_years_gives_the_figures_of_an_independent_calculation(
    survived: Validation, survival: Drawn, follow_up: tuple[Floats, NDArray[np.int64]]
) -> None:
    assert_equal(survived, intervals(survival_figures, *follow_up, survival.risk, samples=BOOTSTRAPS, seed=1))
    assert survived.calibration.observed_expected.low < 1 < survived.calibration.observed_expected.high
    assert survived.calibration.slope.value == pytest.approx(1, abs=0.25)
    assert (survived.horizon_days, survived.timed) == (HORIZON, True)
    assert survived.events == follow_up[1].sum() > survived.events_by_horizon
    assert "Harrell" in Page(render_report(survived).decode()).text("main")


@pytest.fixture(scope="module")
def binary(bedside: Model, drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Validation:
    path = write_table(tmp_path_factory.mktemp("binary") / "t.csv", {**drawn.columns, "died": drawn.died})
    return validate(bedside, read_cohort(path, bedside, Mapping(outcome="died")), bootstraps=50, seed=1)


def test_an_earlier_horizon_is_the_curves_risk(bedside: Model, survival: Drawn, tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "t.csv", {**survival.columns, "died": np.ones_like(survival.died), "days": survival.days}
    )
    cohort = read_cohort(path, bedside, Mapping(outcome="died", time="days"), horizon=90)
    found = validate(bedside, cohort, bootstraps=20, seed=1)
    assert bedside.curve is not None
    assert found.horizon_days == 90
    assert found.calibration.expected.value == pytest.approx(bedside.curve.risk(survival.risk, 90).mean(), abs=1e-6)
    assert found.calibration.observed.value == pytest.approx((survival.days <= 90).mean(), abs=1e-6)


def test_the_smooth_curve_of_true_risks_is_the_diagonal(binary: Validation) -> None:
    inside = [one.observed.low <= one.risk <= one.observed.high for one in binary.calibration.curve]
    assert np.mean(inside) > 0.8
    assert binary.calibration.integrated_index.value < 0.05


def test_net_benefit_is_that_of_its_definition(binary: Validation, drawn: Drawn) -> None:
    for one in binary.net_benefit:
        positive = drawn.risk >= one.threshold
        odds = one.threshold / (1 - one.threshold)
        expected = (positive & (drawn.died == 1)).mean() - (positive & (drawn.died == 0)).mean() * odds
        assert one.model.value == pytest.approx(expected, abs=1e-6)
        assert one.treat_all.value == pytest.approx(drawn.died.mean() - (1 - drawn.died.mean()) * odds, abs=1e-6)


def test_groups_flow_case_mix_and_cautions_add_up(binary: Validation, drawn: Drawn, bedside: Model) -> None:
    women, men, *ages = binary.subgroups
    assert women.patients + men.patients == sum(one.patients for one in ages) == binary.patients == len(drawn.died)
    assert women.events == drawn.died[drawn.columns["sex"] == 0].sum()
    mix = {one.variable: one for one in binary.case_mix}
    assert {*mix} == {*drawn.columns}
    assert (mix["age"].middle, mix["sex"].quartiles) == (np.median(drawn.columns["age"]), None)
    assert sum(map(sum, binary.risks)) == binary.patients
    values = np.column_stack([drawn.columns.get(name, np.full(len(drawn.died), np.nan)) for name in bedside.names])
    assert binary.cautions.value == pytest.approx((bedside.score(values).cautions != "").mean(), abs=1e-6)


def test_the_published_examples_of_sample_sizes_are_reproduced() -> None:
    """Riley et al. 2021: mechanical heart valve failure, 1.8 %, C 0.8, linear predictor of mean -5 and SD 2.5."""
    odds = norm.ppf((np.arange(100_000) + 0.5) / 100_000) * 2.5 - 5
    assert for_observed_expected(0.018, 1) == pytest.approx(905, abs=1)
    assert for_slope(odds, 0.2) == pytest.approx(4544, rel=0.01)
    assert for_auc(0.8, 0.018, 0.1) == 4252


def estimate(value: float, width: float = 0.1) -> Estimate:
    return Estimate(value, value - width / 2, value + width / 2)


@pytest.mark.parametrize(
    ("auc", "ratio", "slope", "advice", "words"),
    [
        (estimate(0.58), estimate(0.28), estimate(1), "do not use", "(AUC 0.58, 0.53 to 0.63) and expects 3.6 times"),
        (estimate(0.61, 0.06), estimate(1), estimate(0.3), "do not use", "too extreme (slope 0.30"),
        (estimate(0.66), estimate(1.6), estimate(1), "update", "expects only 62% of the deaths that occurred. But"),
        (estimate(0.75), estimate(1), estimate(1.5), "update", "too moderate (slope 1.50"),
        (estimate(0.75), estimate(0.7, 0.8), estimate(0.6, 1), "holds", "observed/expected 0.70, 0.30 to 1.10"),
        (estimate(0.75), estimate(0.95), estimate(1), "holds", "well (AUC 0.75, 0.70 to 0.80)"),
    ],
)
def test_the_verdict_follows_its_rules(
    auc: Estimate, ratio: Estimate, slope: Estimate, advice: str, words: str
) -> None:
    fit = Calibration(ratio, ratio, ratio, ratio, slope, ratio, [])
    found = give_verdict(auc, fit, SampleSize(sufficient=True, patients=1_000, criteria=[]))
    assert found[0] == advice
    assert words in found[1]
    few = give_verdict(auc, fit, SampleSize(sufficient=False, patients=1_000, criteria=[]))
    assert few[0] == ("too few patients" if advice == "holds" else advice)
    assert ("it takes 1,000 patients" in few[1]) == (advice == "holds")


@pytest.mark.parametrize("time", ["", "days"])
def test_the_fewest_deaths_that_are_accepted_give_a_result(
    time: str, bedside: Model, drawn: Drawn, tmp_path: Path
) -> None:
    few = np.where(np.cumsum(drawn.died) > LEAST, 0, drawn.died)
    days = np.where(few, drawn.days, 200)
    path = write_table(tmp_path / "t.csv", {**drawn.columns, "died": few, "days": days})
    cohort = read_cohort(path, bedside, Mapping(outcome="died", time=time), anyway=True)
    found = validate(bedside, cohort, bootstraps=100, seed=1)
    assert found.events == LEAST
    assert not found.sample_size.sufficient

"""An update restores a shifted risk for unseen patients, records where it comes from, and is refused if useless."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import chi2

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import DataError
from heartapp.inference.bundle import CARD, JOBLIB, MANIFEST, ONNX, Manifest, list_bundles, read_bundle
from heartapp.inference.model import Model
from heartapp.inference.model import Model as Parent
from heartapp.inference.served import read_served
from heartapp.training.train import Renewal
from heartapp.validation.cohort import Cohort, read_cohort
from heartapp.validation.mapping import Mapping
from heartapp.validation.measures import FIGURES
from heartapp.validation.samples import Samples, predict_risk
from heartapp.validation.update import Plan, _correct, plan_update, write_update
from heartapp.validation.updating import choose, fit_correction, measure_worth, revision_columns
from tests.training.small import small_training
from tests.validation.conftest import Drawn, draw, write_table

SHIFT = -1.0
STRETCH = 0.6
BOOTSTRAPS = 30


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    return shutil.copytree(models, tmp_path / "models")


def half(model: Parent, folder: Path, seed: int, *, rows: int = 800, dated: bool = False, **shift: float) -> Cohort:
    """A cohort whose true risk is a shift of the model's."""
    drawn = draw(model, rows, seed=seed, **shift)
    path = write_table(folder / f"half{seed}.csv", {**drawn.columns, "died": drawn.died, "days": drawn.days})
    mapping = Mapping(outcome="died", time="days") if dated else Mapping(outcome="died")
    if dated:
        lost = np.random.default_rng(seed).uniform(60, 400, len(drawn.days))
        columns = {"died": (drawn.days <= lost).astype(np.int64), "days": np.minimum(drawn.days, lost)}
        write_table(path, {**drawn.columns, **columns})
    return read_cohort(path, model, mapping)


def no_refit() -> Renewal:
    raise AssertionError("nothing asks for a refit")


def plan(model: Parent, cohort: Cohort, method: Any, renew: Callable[[], Renewal] = no_refit, **options: Any) -> Plan:
    options = {"bootstraps": BOOTSTRAPS, "seed": 1, "anyway": False, **options}
    return plan_update(model, cohort, method, renew, **options)


def updated(root: Path, model: Parent, cohort: Cohort, found: Plan, renew: Callable[[], Renewal] = no_refit) -> Model:
    folder = write_update(model, cohort, found, renew, root=root, output=root)
    return Model(read_bundle(root, folder.parent.name, folder.name))


def judged(model: Parent, cohort: Cohort) -> dict[str, float]:
    samples = Samples.draw(cohort, predict_risk(model, cohort), 1, 1)
    return {name: float(figure(samples)[0]) for name, figure in FIGURES.items()}


@pytest.mark.parametrize("method", ["auto", "recalibrate"])
def test_recalibration_restores_a_shifted_risk_in_the_other_half(
    method: str, bedside: Parent, root: Path, tmp_path: Path
) -> None:
    dated = method == "recalibrate"
    shift: dict[str, Any] = {"rows": 2_000, "dated": dated, "intercept": SHIFT, "slope": STRETCH}
    first, second = (half(bedside, tmp_path, seed, **shift) for seed in (13, 14))
    found = plan(bedside, first, method, bootstraps=10)
    assert found.method == "recalibrate"
    before, after = judged(bedside, second), judged(updated(root, bedside, first, found), second)
    assert not 0.9 < before["observed_expected"] < 1.1
    assert not 0.8 < before["slope"] < 1.2
    assert 0.9 < after["observed_expected"] < 1.1
    assert 0.8 < after["slope"] < 1.2
    assert after["auc"] == pytest.approx(before["auc"])


def test_an_intercept_moves_every_risk_alike(bedside: Parent, root: Path, tmp_path: Path) -> None:
    cohort = half(bedside, tmp_path, 13, intercept=SHIFT)
    found = plan(bedside, cohort, "auto")
    assert (found.method, found.correction.slope) == ("intercept", 1)
    child = updated(root, bedside, cohort, found)
    odds = [np.log(risk / (1 - risk)) for risk in (one.risk(cohort.features(bedside)) for one in (bedside, child))]
    assert odds[1] - odds[0] == pytest.approx(found.correction.intercept)
    assert found.correction.intercept == pytest.approx(SHIFT, abs=0.25)


def test_the_new_version_lies_beside_the_old_one_and_records_its_origin(
    bedside: Parent, root: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    cohort = half(bedside, tmp_path, 13, intercept=SHIFT, slope=STRETCH)
    child = updated(root, bedside, cohort, plan(bedside, cohort, "recalibrate"))
    assert {path: path.read_bytes() for path in before} == before
    assert child.identity.version != bedside.identity.version == read_served(root)["bedside"]
    note = child.bundle.manifest.updated
    assert note is not None
    assert (note.parent, note.parent_version) == (bedside.identity.digest, bedside.identity.version)
    assert (note.table, note.source, note.outcome) == (cohort.digest, "half13.csv", "died")
    assert (note.method, note.patients, note.events) == ("recalibrate", 800, cohort.outcome.sum())
    assert note.before["observed_expected"].value < 0.8 < note.after["observed_expected"].value
    assert "800 patients of half13.csv" in child.bundle.card
    with pytest.raises(DataError, match="updated on"):
        read_cohort(tmp_path / "half13.csv", child, Mapping(outcome="died"))
    old, new = (root / "bedside" / one.identity.version for one in (bedside, child))
    for file in (ONNX, JOBLIB):
        assert (old / file).read_bytes() == (new / file).read_bytes()
    assert (old / MANIFEST).read_bytes() != (new / MANIFEST).read_bytes()


def test_the_refits_range_moves_with_the_risk(bedside: Parent, root: Path, tmp_path: Path) -> None:
    cohort = half(bedside, tmp_path, 13, intercept=SHIFT, slope=STRETCH)
    found = plan(bedside, cohort, "recalibrate")
    child = updated(root, bedside, cohort, found)
    assert bedside.refits is not None
    assert child.refits is not None
    patient = [60.0, 35.0, 1.4]
    expected = found.correction.apply(bedside.refits.risks_of(patient))
    assert child.refits.risks_of(patient) == pytest.approx(expected, abs=0.003)


def test_a_model_without_refits_is_updated_too(followup: Parent, root: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    ranges = {one.name: (one.minimum, one.maximum) for one in followup.bundle.manifest.variables}
    columns = {name: generator.uniform(low, high, 400).round(1) for name, (low, high) in ranges.items()}
    columns |= {name: columns[name].round() for name in ranges if BY_NAME[name].choices}
    risk = followup.risk(np.column_stack([columns[name] for name in followup.names]))
    died = generator.random(400) < risk / 2
    path = write_table(tmp_path / "t.csv", {**columns, "died": died.astype(np.int64)})
    cohort = read_cohort(path, followup, Mapping(outcome="died"))
    child = updated(root, followup, cohort, plan(followup, cohort, "intercept", anyway=True))
    assert child.refits is None
    assert child.risk(cohort.features(child)).mean() == pytest.approx(died.mean(), abs=1e-3)


def test_an_update_that_gains_nothing_is_refused_and_says_what_a_refit_would_need(
    bedside: Parent, drawn: Drawn, tmp_path: Path
) -> None:
    died = np.random.default_rng(6).random(len(drawn.died)) < 0.3
    path = write_table(tmp_path / "t.csv", {**drawn.columns, "died": died.astype(np.int64)})
    cohort = read_cohort(path, bedside, Mapping(outcome="died"))
    with pytest.raises(DataError, match=rf"gains nothing.* about 600 deaths.* there are {died.sum()}.*--anyway"):
        plan(bedside, cohort, "recalibrate")
    assert plan(bedside, cohort, "intercept", anyway=True).after.gain.value < 0.01


def test_a_model_that_fits_is_not_updated(bedside: Parent, tmp_path: Path) -> None:
    cohort = half(bedside, tmp_path, 14)
    with pytest.raises(DataError, match="nothing to update"):
        plan(bedside, cohort, "auto")
    samples = Samples.draw(cohort, bedside.risk(cohort.features(bedside)), 20, 1)
    columns = revision_columns(cohort, bedside.bundle.manifest.used)
    assert _correct("auto", samples, columns, 0) == (0, 1)


def test_another_horizon_is_refused(bedside: Parent, tmp_path: Path) -> None:
    half(bedside, tmp_path, 15, dated=True)
    cohort = read_cohort(tmp_path / "half15.csv", bedside, Mapping(outcome="died", time="days"), horizon=90)
    with pytest.raises(DataError, match="leave out --horizon"):
        plan(bedside, cohort, "recalibrate")


def reversed_cohort(model: Parent, folder: Path) -> Cohort:
    """Patients of whom those with a high ejection fraction die: no recalibration helps."""
    drawn = draw(model, 300, seed=16)
    odds = (drawn.columns["ejection_fraction"] - 45) / 10
    died = np.random.default_rng(7).random(300) < 1 / (1 + np.exp(-odds))
    days = np.where(died, np.random.default_rng(8).uniform(5, 170, 300), 200)
    path = write_table(folder / "t.csv", {**drawn.columns, "died": died.astype(np.int64), "days": days})
    return read_cohort(path, model, Mapping(outcome="died", time="days"))


def test_a_refit_learns_the_members_anew(bedside: Parent, root: Path, tmp_path: Path) -> None:
    cohort = reversed_cohort(bedside, tmp_path)

    def renew() -> Renewal:
        return Renewal.of("bedside", cohort.values, cohort.outcome, cohort.time, cohort.horizon, cohort.digest, 1)

    with small_training():
        found = plan(bedside, cohort, "auto", renew, bootstraps=3)
        child = updated(root, bedside, cohort, found, renew)
    assert found.method == "refit"
    assert found.after.figures["auc"].value > 0.6 > found.before.figures["auc"].value
    assert child.bundle.manifest.training_data.digest == cohort.digest
    assert child.bundle.manifest.updated is not None
    assert child.bundle.manifest.horizon == 180
    assert "its members learned anew" in child.bundle.card
    assert child.bundle.onnx != bedside.bundle.onnx


def test_a_refit_needs_enough_of_each_outcome(bedside: Parent, drawn: Drawn, tmp_path: Path) -> None:
    few = np.where(np.cumsum(drawn.died) > 20, 0, drawn.died)
    path = write_table(tmp_path / "t.csv", {**drawn.columns, "died": few})
    with pytest.raises(DataError, match="a refit needs 30 deaths"):
        plan(bedside, read_cohort(path, bedside, Mapping(outcome="died"), anyway=True), "refit", anyway=True)


def test_the_closed_test_is_a_likelihood_ratio_test(bedside: Parent, tmp_path: Path) -> None:
    cohort = half(bedside, tmp_path, 17, intercept=SHIFT)
    samples = Samples.draw(cohort, bedside.risk(cohort.features(bedside)), 20, 1)
    columns = revision_columns(cohort, ["age", "serum_creatinine", "platelets"])
    assert columns.shape == (800, 2)
    assert columns.mean(axis=0) == pytest.approx(0, abs=1e-9)
    found = choose(samples, columns[:, :0])

    def deviance(intercept: float, slope: float) -> float:
        risk = 1 / (1 + np.exp(-(intercept + slope * np.log(samples.risk / (1 - samples.risk)))))
        return float(-2 * np.log(np.where(samples.dead, risk, 1 - risk)).sum())

    best, moved = fit_correction("recalibrate", samples, 0), fit_correction("intercept", samples, 0)
    gain = deviance(0, 1) - deviance(*best)
    assert found.p_values["none"] == pytest.approx(chi2.sf(gain, 2), abs=1e-5)
    assert found.p_values["intercept"] == pytest.approx(chi2.sf(deviance(*moved) - deviance(*best), 1), abs=1e-5)


def test_optimism_is_taken_from_what_was_fitted(bedside: Parent, tmp_path: Path) -> None:
    cohort = half(bedside, tmp_path, 18)
    samples = Samples.draw(cohort, bedside.risk(cohort.features(bedside)), 20, 1)
    honest = measure_worth(samples, np.empty((0, 800)))
    # Updates that do not depend on their sample have no optimism, but for the chance of the draws.
    same = measure_worth(samples, np.tile(samples.risk, (20, 1)))
    # Updates that know their own sample's deaths, and nothing of the others.
    knowing = np.where(samples.counts[1:] > 0, samples.dead, 0.5).clip(0.1, 0.9)
    flattering = measure_worth(samples, knowing)
    assert same.figures["auc"].value == pytest.approx(honest.figures["auc"].value, abs=0.02)
    assert flattering.figures["auc"].value < honest.figures["auc"].value - 0.05


def test_bundles_that_were_never_updated_say_nothing_of_it(models: Path) -> None:
    for name, version in list_bundles(models):
        content = (models / name / version / MANIFEST).read_bytes()
        assert msgspec.json.decode(content, type=Manifest).updated is None
        assert "Update" not in (models / name / version / CARD).read_text("utf-8")

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.inference.calibration import Calibration
from heartapp.inference.refits import Refits
from heartapp.training.export import ExportError, answers, probe_rows, to_onnx
from heartapp.training.goals import INSTABILITY_GOALS
from heartapp.training.instability import GROUPS, report_instability
from heartapp.training.members import PLANS
from heartapp.training.recipe import FittedRecipe, fit_recipe
from heartapp.training.refitting import Refit, _refit, pack, refit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort

SEED = 519


def check_packed(refits: Sequence[Refit], rows: NDArray[np.float32]) -> None:
    """Every refit's risk is the one that onnxruntime gives of the refit's own graph."""
    packed = Refits(pack(refits))
    ours = np.array([packed.risks(row) for row in rows.tolist()])
    theirs = np.column_stack([calibration.risk(answers(content, rows)) for content, calibration in refits])
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-6


def test_packed_trees_answer_as_onnxruntime_does_at_every_split_and_with_values_missing(
    refitted: list[Refit], people: Cohort
) -> None:
    features, names = people.features("bedside"), people.names("bedside")
    check_packed(refitted, features)
    for content, _ in refitted:
        probes = probe_rows(content, features, names, count=300)
        assert np.isnan(probes).any()
        check_packed(refitted, probes)
    check_packed(refitted, np.full((1, len(names)), np.nan, np.float32))


def test_packed_trees_of_the_follow_up_model_answer_alike(followup: FittedRecipe, people: Cohort) -> None:
    features, names = people.features("followup"), people.names("followup")
    once = (to_onnx(followup, len(names)), followup.calibration)
    check_packed([once], probe_rows(once[0], features, names, count=300))


def test_each_refit_is_the_whole_recipe_on_a_bootstrap_sample(refitted: list[Refit], people: Cohort) -> None:
    features, names = people.features("bedside"), people.names("bedside")
    generator = np.random.default_rng(SEED)
    for content, calibration in refitted[:1]:
        sample = generator.integers(0, len(people.outcome), len(people.outcome))
        fitted = fit_recipe(features[sample], people.outcome[sample], names, PLANS["bedside"], SEED, patients=sample)
        assert to_onnx(fitted, len(names)) == content
        assert fitted.calibration == calibration
    assert len({content for content, _ in refitted}) == len(refitted)


def test_refits_are_the_same_each_time_and_fewer_are_the_first_of_more(refitted: list[Refit], people: Cohort) -> None:
    features, names = people.features("bedside"), people.names("bedside")
    fewer = refit(features, people.outcome, names, PLANS["bedside"], seed=SEED, refits=1)
    assert fewer == refitted[:1]
    assert pack(refitted).to_bytes() == pack(refitted).to_bytes()
    (other,) = refit(features, people.outcome, names, PLANS["bedside"], seed=SEED + 1, refits=1)
    assert other != refitted[0]


def test_a_refit_in_this_process_is_the_one_of_a_worker(refitted: list[Refit], people: Cohort) -> None:
    sample = np.random.default_rng(SEED).integers(0, len(people.outcome), len(people.outcome))
    features, names = people.features("bedside"), people.names("bedside")
    assert _refit(features, people.outcome, names, PLANS["bedside"], sample, SEED) == refitted[0]


def test_more_cuts_than_the_file_can_number_are_refused(refitted: list[Refit], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "iinfo", lambda _: SimpleNamespace(max=10))
    with pytest.raises(ExportError, match="more cuts or larger trees than their file can number"):
        pack(refitted)


def test_the_report_of_instability_is_of_the_refits_risks(
    refitted: list[Refit], people: Cohort, bedside: FittedRecipe
) -> None:
    features = people.features("bedside")
    served = bedside.risk(features)
    report = report_instability(Refits(pack(refitted)), features, served)
    theirs = np.column_stack([calibration.risk(answers(content, features)) for content, calibration in refitted])
    assert report.refits == len(refitted)
    assert report.mean_absolute_change == pytest.approx(np.abs(theirs - served[:, None]).mean(), abs=2e-6)
    low, high = np.percentile(theirs, [2.5, 97.5], axis=1)
    assert report.median_width == pytest.approx(np.median(high - low), abs=2e-6)
    assert [goal.figure for goal in report.goals] == list(INSTABILITY_GOALS)
    assert [goal.value for goal in report.goals] == [report.mean_absolute_change, report.median_width]
    assert len(report.ranges) == GROUPS
    middles = [middle for middle, _, _ in report.ranges]
    assert middles == sorted(middles)
    assert middles[0] == pytest.approx(np.sort(served)[: len(served) // GROUPS].mean(), abs=1e-6)


def test_refits_that_answer_as_the_served_model_do_not_change_anything(followup: FittedRecipe, people: Cohort) -> None:
    features = people.features("followup")
    same = (to_onnx(followup, features.shape[1]), followup.calibration)
    report = report_instability(Refits(pack([same, same])), features, followup.risk(features))
    assert (report.mean_absolute_change, report.median_width) == pytest.approx((0, 0), abs=1e-6)


def test_a_calibration_of_arrays_is_that_of_each_refit(refitted: list[Refit]) -> None:
    trees = pack(refitted)
    both = Calibration(trees.slope, trees.intercept).transform(np.full(len(refitted), 0.3))
    alone = [calibration.transform(np.array([0.3]))[0] for _, calibration in refitted]
    assert both.tolist() == alone

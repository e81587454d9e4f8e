from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.refits import Refits
from heartapp.training.export import ExportError, answers, probe_rows, to_onnx
from heartapp.training.goals import INSTABILITY_GOALS
from heartapp.training.refitting import GROUPS, pack, refit, report_instability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from heartapp.training.cohort import Cohort
    from heartapp.training.recipe import FittedRecipe, Recipe
    from heartapp.training.refitting import Refit


def onnx_risks(refits: Sequence[Refit], rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The risks, shape (rows, refits), as onnxruntime gives them of each refit's own graph."""
    return np.column_stack([calibration.risk(answers(content, rows)) for content, calibration in refits])


def test_packed_trees_give_the_risks_of_onnxruntime_at_every_split_and_with_values_missing(
    refitted: list[Refit], followup: FittedRecipe, people: Cohort
) -> None:
    all_variables = (to_onnx(followup, people.features("followup").shape[1]), followup.calibration)
    for refits, model in ((refitted, "bedside"), ([all_variables], "followup")):
        features = people.features(model)
        rows = np.vstack([features, probe_rows(refits[0][0], features, MODEL_VARIABLES[model], count=300)])
        assert np.isnan(rows).any()
        packed = Refits(pack(refits))
        ours = np.array([packed.risks(row) for row in rows.tolist()])
        assert ours == pytest.approx(onnx_risks(refits, rows), abs=1e-6)


def test_each_refit_is_the_whole_recipe_on_a_bootstrap_sample(
    refitted: list[Refit], recipe: Recipe, people: Cohort
) -> None:
    sample = people.sample("bedside")
    drawn = np.random.default_rng(recipe.seed).integers(0, len(people.outcome), len(people.outcome))
    fitted = recipe.fit(sample.draw(drawn))
    assert refitted[0] == (to_onnx(fitted, len(recipe.names)), fitted.calibration)
    assert len({content for content, _ in refitted}) == len(refitted)
    assert refit(recipe, sample, refits=1) == refitted[:1]


def test_more_cuts_than_the_file_can_number_are_refused(refitted: list[Refit], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "iinfo", lambda _: SimpleNamespace(max=10))
    with pytest.raises(ExportError, match="more cuts or larger trees than their file can number"):
        pack(refitted)


def test_the_instability_is_that_of_the_refits_risks(
    refitted: list[Refit], people: Cohort, bedside: FittedRecipe
) -> None:
    features = people.features("bedside")
    served = bedside.risk(features)
    report = report_instability(Refits(pack(refitted)), features, served)
    theirs = onnx_risks(refitted, features)
    low, high = np.percentile(theirs, [2.5, 97.5], axis=1)
    assert report.refits == len(refitted)
    assert report.mean_absolute_change == pytest.approx(np.abs(theirs - served[:, None]).mean(), abs=2e-6)
    assert report.median_width == pytest.approx(np.median(high - low), abs=2e-6)
    assert {goal.figure: goal.value for goal in report.goals} == {
        name: getattr(report, name) for name in INSTABILITY_GOALS
    }
    middles = [middle for middle, _, _ in report.ranges]
    assert (len(middles), sorted(middles)) == (GROUPS, middles)
    assert middles[0] == pytest.approx(np.sort(served)[: len(served) // GROUPS].mean(), abs=1e-6)


def test_refits_that_give_the_served_risks_have_no_instability(followup: FittedRecipe, people: Cohort) -> None:
    features = people.features("followup")
    same = (to_onnx(followup, features.shape[1]), followup.calibration)
    report = report_instability(Refits(pack([same, same])), features, followup.risk(features))
    assert (report.mean_absolute_change, report.median_width) == pytest.approx((0, 0), abs=1e-6)

"""`heartapp validate`: a model and a cohort to a result."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
from tqdm import tqdm

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.model import Model
from heartapp.statistics.metrics import mean
from heartapp.statistics.regression import log_odds
from heartapp.tables.guess import OUTCOME_KEY
from heartapp.validation import measures
from heartapp.validation.cohort import Cohort
from heartapp.validation.measures import Watch
from heartapp.validation.result import Mix, Source, Validation
from heartapp.validation.sample_size import judge_sample_size
from heartapp.validation.samples import Samples, cross_fit_regression, predict_risk
from heartapp.validation.verdict import give_verdict

BAR: Final = partial(tqdm, desc="validating", unit="sample")
"""A progress bar on standard error."""


def validate(
    model: Model,
    cohort: Cohort,
    *,
    bootstraps: int,
    seed: int,
    watch: Watch = BAR,
) -> Validation:
    """Judge a model by a cohort.

    Args:
        model: to judge.
        cohort: patients whom it has not seen.
        bootstraps: samples of the patients, for the intervals.
        seed: of the samples, and of the folds of the plain regression.
        watch: shows the progress while it gives the samples of the one step that takes long; by default, a bar.
    """
    samples = Samples.draw(cohort, predict_risk(model, cohort), bootstraps, seed)
    order = measures.discrimination(samples)
    fit = measures.calibration(samples, watch)
    brier, scaled_brier = measures.brier(samples)
    size = judge_sample_size(len(samples.risk), fit.observed.value, order.auc.value, log_odds(samples.risk))
    advice, verdict = give_verdict(order.auc, fit, size)
    cautions = model.score(cohort.features(model)).cautions != ""
    return Validation(
        model=model.identity,
        table=Source(cohort.place, cohort.digest, cohort.columns, cohort.flow, list(cohort.notes)),
        outcome=cohort.columns[OUTCOME_KEY],
        horizon_days=model.bundle.manifest.horizon if cohort.horizon is None else cohort.horizon,
        timed=cohort.time is not None,
        patients=len(cohort.outcome),
        events=int(cohort.outcome.sum()),
        events_by_horizon=int(samples.dead.sum()),
        discrimination=order,
        calibration=fit,
        brier=brier,
        scaled_brier=scaled_brier,
        net_benefit=measures.net_benefit(samples, cross_fit_regression(cohort, samples, seed)),
        subgroups=measures.subgroups(samples, cohort),
        cautions=mean(cautions, samples.counts),
        sample_size=size,
        advice=advice,
        verdict=verdict,
        threshold=model.threshold,
        case_mix=[*_case_mix(model, cohort)],
        risks=measures.histogram(samples),
        bootstraps=bootstraps,
        seed=seed,
    )


def _case_mix(model: Model, cohort: Cohort) -> Iterator[Mix]:
    """The variables that the cohort has, beside the training data."""
    manifest = model.bundle.manifest
    for seen, typical in zip(manifest.variables, manifest.typical, strict=True):
        column = cohort.column(seen.name)
        known = column[~np.isnan(column)]
        if len(known):
            choice = bool(BY_NAME[seen.name].choices)
            low, middle, high = (float(f"{value:.3g}") for value in np.percentile(known, [25, 50, 75]))
            yield Mix(
                variable=seen.name,
                missing=len(column) - len(known),
                middle=float(known.mean()) if choice else middle,
                quartiles=None if choice else (low, high),
                typical=typical,
                range=(seen.minimum, seen.maximum),
            )

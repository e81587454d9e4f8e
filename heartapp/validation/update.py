"""`heartapp update`: a model and a cohort to a new version of the model's bundle, beside the old one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

import msgspec
import numpy as np

from heartapp.card import write_card
from heartapp.errors import DataError
from heartapp.inference import bundle
from heartapp.inference.bundle import Manifest, Platt, Update
from heartapp.inference.calibration import Calibration
from heartapp.inference.model import Model
from heartapp.inference.refits import RefitTable
from heartapp.inference.writing import next_version, pretty, write_bundle
from heartapp.tables.guess import OUTCOME_KEY
from heartapp.validation.cohort import Cohort
from heartapp.validation.samples import Floats, Samples, predict_risk
from heartapp.validation.updating import (
    Correction,
    Method,
    Worth,
    choose,
    fit_correction,
    measure_worth,
    revision_columns,
)

REFITS: Final = 50
"""Bootstrap samples for the optimism of a refit, which takes seconds each."""
DEATHS_EACH: Final = 200
"""Deaths for each variable that trees need (van der Ploeg et al. 2014)."""
FEWEST: Final = 30
"""Patients of each outcome that a refit needs."""


class Renewal(Protocol):
    """What trains the recipe on the cohort; it lies in `heartapp.training`, which this package does not import."""

    def risks(self, counts: Floats) -> Floats:
        """Everyone's risk by the recipe fitted to each sample, shape (samples, n); ``counts`` has the same shape."""

    def bundle(self, number: str, updated: Update) -> tuple[Manifest, dict[str, bytes]]:
        """A bundle's manifest without its files, and the files."""


class Plan(NamedTuple):
    """What an update found: its method, the p-values of the choice, the figures before, and what it is worth."""

    method: Method
    p_values: dict[str, float]
    before: Worth
    after: Worth
    correction: Correction


def plan_update(
    model: Model,
    cohort: Cohort,
    method: Method | Literal["auto"],
    renew: Callable[[], Renewal],
    *,
    bootstraps: int,
    seed: int,
    anyway: bool,
) -> Plan:
    """Choose an update, fit it, and measure what it is worth.

    Args:
        model: the parent.
        cohort: patients whom it has not seen.
        method: how to update; ``auto`` is the closed testing procedure.
        renew: gives what a refit needs.
        bootstraps: samples of the patients; a refit takes `REFITS` at most.
        seed: of the samples.
        anyway: accept an update that gains nothing.

    Raises:
        DataError: there is nothing to update, or nothing is gained; says what a refit would need.
    """
    if cohort.horizon not in {None, model.bundle.manifest.horizon}:
        raise DataError("an update is of the risk by the model's own horizon; leave out --horizon")
    samples = Samples.draw(cohort, predict_risk(model, cohort), bootstraps, seed)
    columns = revision_columns(cohort, model.bundle.manifest.used)
    chosen, p_values = choose(samples, columns) if method == "auto" else (method, {})
    if chosen is None:
        found = f"p = {p_values['none']:.2f} against everything that could be changed"
        raise DataError(f"{cohort.place}: nothing to update, the model fits as it is ({found})")
    before, correction = measure_worth(samples, np.empty((0, len(samples.risk)))), Correction()
    if chosen == "refit":
        _check_refit(cohort, model)
        samples = Samples.draw(cohort, samples.risk, min(bootstraps, REFITS), seed)
        updated, *updates = renew().risks(samples.counts)
    else:
        correction, *others = (_correct(method, samples, columns, row) for row in range(len(samples.weights)))
        updated, *updates = (one.apply(samples.risk) for one in (correction, *others))
    after = measure_worth(replace(samples, risk=updated), np.array(updates))
    if not anyway and not (after.useful and correction.slope > 0):
        raise DataError(_useless(cohort, model, chosen, after))
    return Plan(chosen, p_values, before, after, correction)


def _correct(method: Method | Literal["auto"], samples: Samples, columns: Floats, row: int) -> Correction:
    """The correction in one bootstrap sample, chosen there too; where that would be a refit, the next smaller one."""
    chosen = choose(samples, columns, row).method if method == "auto" else method
    if chosen is None:
        return Correction()
    return fit_correction("intercept" if chosen == "intercept" else "recalibrate", samples, row)


def _check_refit(cohort: Cohort, model: Model) -> None:
    deaths = int(cohort.outcome.sum())
    if min(deaths, len(cohort.outcome) - deaths) < FEWEST:
        raise DataError(f"a refit needs {FEWEST} deaths and {FEWEST} survivors. {_needed(cohort, model)}")


def _needed(cohort: Cohort, model: Model) -> str:
    """What a refit would need."""
    used = len(model.bundle.manifest.used)
    return (
        f"A refit learns the trees anew and takes about {DEATHS_EACH * used:,} deaths, {DEATHS_EACH} for each of "
        f"{used} variables (van der Ploeg et al. 2014); there are {cohort.outcome.sum():,}"
    )


def _useless(cohort: Cohort, model: Model, method: Method, worth: Worth) -> str:
    gain, first, *others = worth.gain, *worth.gains
    between = f"{first:.0%} to {others[-1]:.0%}" if others else f"{first:.0%}"
    return (
        f"{cohort.place}: {method} gains nothing: by net benefit at thresholds of {between}, corrected for optimism, "
        f"it is not clearly above treating everyone or no one ({gain.value:+.4f} on average, {gain.low:+.4f} to "
        f"{gain.high:+.4f}; AUC {worth.figures['auc'].value:.2f}). {_needed(cohort, model)}. Add --anyway to write it "
        "all the same"
    )


def write_update(
    model: Model, cohort: Cohort, plan: Plan, renew: Callable[[], Renewal], *, root: Path, output: Path
) -> Path:
    """Write the updated bundle, which is not served; gives its folder.

    Args:
        model: the parent.
        cohort: the patients.
        plan: of `plan_update`.
        renew: gives what a refit needs.
        root: the folder of the parent's bundle.
        output: the folder of bundles to write to.

    Raises:
        BundleError: what was written cannot be loaded.
    """
    manifest = model.bundle.manifest
    # No version has the number of another one, in whichever folder.
    number = max((next_version(folder, model.name) for folder in (root, output)), key=int)
    updated = Update(
        parent_version=manifest.version,
        parent=model.identity.digest,
        source=cohort.place,
        table=cohort.digest,
        outcome=cohort.columns[OUTCOME_KEY],
        method=plan.method,
        patients=len(cohort.outcome),
        events=int(cohort.outcome.sum()),
        before=plan.before.figures,
        after=plan.after.figures,
    )
    if plan.method == "refit":
        return write_bundle(output, *renew().bundle(number, updated))
    members = (root / manifest.name / manifest.version / bundle.JOBLIB).read_bytes()
    return write_bundle(output, *_recalibrated(model, cohort, plan.correction, members, number, updated))


def _recalibrated(
    model: Model, cohort: Cohort, correction: Correction, members: bytes, number: str, updated: Update
) -> tuple[Manifest, dict[str, bytes]]:
    """The parent's bundle with another calibration: its manifest without the files, and the files."""
    parent, report = model.bundle.manifest, model.bundle.report
    slope = correction.slope * parent.calibration.slope
    intercept = correction.intercept + correction.slope * parent.calibration.intercept
    risks = Calibration(slope, intercept).risk(np.array(parent.golden.probabilities, np.float32))
    manifest = msgspec.structs.replace(
        parent,
        version=number,
        files={},
        calibration=Platt(slope, intercept),
        # As in training: the share of deaths.
        threshold=round(float(np.clip(cohort.outcome.mean(), 0.01, 0.99)), 2),
        base_rate=float(correction.apply(predict_risk(model, cohort)).mean()),
        golden=msgspec.structs.replace(parent.golden, risks=risks.tolist()),
        regression=None,  # it is of the parent's patients
        updated=updated,
    )
    # These figures are of the parent's risk.
    report = msgspec.structs.replace(report, evaluation=None, instability=None, shape=None)
    files = {bundle.ONNX: model.bundle.onnx, bundle.JOBLIB: members, bundle.REPORT: pretty(report)}
    if model.refits:
        files[bundle.REFITS] = _recalibrate_refits(model.refits, correction).to_bytes()
    return manifest, {**files, bundle.CARD: write_card(manifest, report).encode()}


def _recalibrate_refits(refits: RefitTable, correction: Correction) -> RefitTable:
    """The refits' risks with the same correction, so that their range is still around the risk."""
    steps = np.round(correction.apply(np.arange(256) / 255) * 255).astype(np.uint8)
    return RefitTable(refits.columns, refits.axes, steps[refits.risks])

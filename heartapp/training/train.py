"""Train models and write their bundles: both on a table, or one anew on other patients."""

import io
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Final, Self

import joblib
import msgspec
import numpy as np
from numpy.typing import NDArray

from heartapp.card import write_card
from heartapp.clinical.variables import BY_NAME, fingerprint
from heartapp.inference import bundle
from heartapp.inference.bundle import MEMBERS, Manifest, Platt, TrainingData, Update
from heartapp.inference.report import CohortFigures, Report
from heartapp.inference.writing import next_version, pretty, write_bundle
from heartapp.training import description
from heartapp.training.cohort import TIME, Cohort
from heartapp.training.defaults import BUNDLE_REFITS, SEED, SPLITS
from heartapp.training.evaluation import evaluate
from heartapp.training.export import check_graph, find_edges, to_onnx
from heartapp.training.recipe import FittedRecipe, Recipe
from heartapp.training.stability import measure_shape, refit_to, tabulate_refits

_PACKAGES: Final = ("numpy", "sklearn", "onnx", "onnxruntime", "onnxmltools", "skl2onnx", "joblib", "xgboost")
"""Whose versions the manifest names."""


def train(
    table: Cohort, output: Path, *, seed: int = SEED, splits: int = SPLITS, refits: int = BUNDLE_REFITS
) -> list[Path]:
    """Train both models and write one new bundle of each under ``output``, which then serves them.

    Args:
        table: the training data.
        output: the folder of bundles; what is there stays, a new version gets the next number.
        seed: of folds, members and samples.
        splits: of the evaluation; 0 leaves it out, and the report then holds no performance.
        refits: on bootstrap samples; 0 leaves them out, and the bundle then gives no instability.

    Returns:
        The folders written.
    """
    cohort = table.without_fills()
    return [
        write_bundle(
            output, *make_bundle(model, cohort, next_version(output, model), seed=seed, splits=splits, refits=refits)
        )
        for model in cohort.models
    ]


def make_bundle(
    model: str, cohort: Cohort, number: str, *, seed: int, splits: int, refits: int, updated: Update | None = None
) -> tuple[Manifest, dict[str, bytes]]:
    """Train a model: its manifest without the files, and the files.

    ``number`` is the version's, ``updated`` what the manifest says of a refit; the others are as in `train`.
    """
    recipe, sample = Recipe.of_cohort(model, seed, cohort), cohort.sample(model)
    fitted = recipe.fit(sample)
    content = to_onnx(fitted, len(recipe.names))
    check_graph(fitted, content, sample.features, recipe.names)
    files = {bundle.ONNX: content, bundle.JOBLIB: _joblib(fitted)}
    instability = None
    if refits and recipe.plan.variables:
        files[bundle.REFITS], instability = tabulate_refits(recipe, sample, fitted, refits, splits)
    report = Report(
        cohort=_describe_cohort(cohort),
        hyperparameters={
            member: {**setting, "bags": recipe.plan.bags.get(member, 1)} for member, setting in fitted.settings.items()
        },
        evaluation=evaluate(cohort, model, seed=seed, splits=splits) if splits else None,
        instability=instability,
        shape=measure_shape(fitted, recipe.names, sample.features, splits) if recipe.plan.variables else None,
    )
    manifest = msgspec.structs.replace(_manifest(model, number, recipe, fitted, content, cohort), updated=updated)
    return manifest, {**files, bundle.REPORT: pretty(report), bundle.CARD: write_card(manifest, report).encode()}


def _manifest(
    model: str, number: str, recipe: Recipe, fitted: FittedRecipe, content: bytes, cohort: Cohort
) -> Manifest:
    """The manifest without its files; ``number`` is the version's, ``content`` the graph."""
    names, features, sample = recipe.names, cohort.features(model), cohort.sample(model)
    used = [names[column] for column in fitted.columns]
    support = description.make_support(used, features[:, fitted.columns]) if recipe.plan.variables else None
    return Manifest(
        format=bundle.FORMAT,
        name=model,
        version=number,
        seed=recipe.seed,
        files={},
        variables=description.seen(names, features),
        required=description.required(recipe, features),
        used=used,
        edges=find_edges(content, names),
        typical=description.typical(names, features),
        horizon=fitted.horizon,
        curve=fitted.curve,
        support=support,
        fingerprint=fingerprint(names),
        members=list(MEMBERS),
        calibration=Platt(float(fitted.calibration.slope), float(fitted.calibration.intercept)),
        threshold=fitted.threshold,
        base_rate=fitted.base_rate,
        golden=description.golden(fitted.calibration, content, names, features),
        training_data=TrainingData(cohort.digest, len(cohort.outcome), int(cohort.outcome.sum())),
        libraries=_libraries(),
        regression=description.regression(recipe, sample) if recipe.plan.variables else None,
    )


def _describe_cohort(cohort: Cohort) -> CohortFigures:
    fills = zip(BY_NAME, np.isnan(cohort.values).sum(axis=0).tolist(), strict=True)
    return CohortFigures(
        source=cohort.origin,
        digest=cohort.digest,
        patients=len(cohort.outcome),
        deaths=int(cohort.outcome.sum()),
        fills={name: count for name, count in fills if count},
    )


def _joblib(fitted: FittedRecipe) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(dict(zip(MEMBERS, fitted.members, strict=True)), buffer, compress=3)
    return buffer.getvalue()


def _libraries() -> dict[str, str]:
    """The packages' versions, by the names under which they are installed: XGBoost has two."""
    installed = packages_distributions()
    return {name: version(name) for name in (installed[package][0] for package in _PACKAGES)}


@dataclass(frozen=True, slots=True)
class Renewal:
    """`heartapp update --method refit`: the recipe of a model, and other patients to fit it to."""

    model: str
    cohort: Cohort
    seed: int

    @classmethod
    def of(
        cls,
        model: str,
        values: NDArray[np.float64],
        outcome: NDArray[np.int64],
        time: NDArray[np.float64] | None,
        horizon: int | None,
        digest: str,
        seed: int,
    ) -> Self:
        """Take the patients of a validated cohort, see `heartapp.validation.cohort.Cohort`."""
        if time is not None:
            values = values.copy()
            values[:, [*BY_NAME].index(TIME)] = time
        unpublished = np.zeros(len(outcome), np.bool_)
        return cls(model, Cohort(values, outcome, digest, "another table", unpublished, horizon), seed)

    def risks(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Everyone's risk by the recipe fitted to each sample, shape (samples, n).

        Args:
            counts: how often each sample holds each patient, of the same shape.
        """
        recipe, sample = Recipe.of_cohort(self.model, self.seed, self.cohort), self.cohort.sample(self.model)
        draws = [np.repeat(np.arange(len(count)), count.astype(np.int64)) for count in counts]
        return refit_to(draws, recipe, sample, sample.features)

    def bundle(self, number: str, updated: Update) -> tuple[Manifest, dict[str, bytes]]:
        """The bundle of the recipe fitted to all patients, without evaluation and refits, under a version's number."""
        return make_bundle(self.model, self.cohort, number, seed=self.seed, splits=0, refits=0, updated=updated)

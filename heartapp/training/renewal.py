"""`heartapp update --method refit`: the recipe on another cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from heartapp.clinical.variables import BY_NAME
from heartapp.training.cohort import TIME, Cohort
from heartapp.training.recipe import Recipe
from heartapp.training.refitting import refit_to
from heartapp.training.train import make_bundle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from heartapp.inference.bundle import Manifest, Update


@dataclass(frozen=True, slots=True)
class Renewal:
    """The recipe of a model, and the patients to fit it to."""

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

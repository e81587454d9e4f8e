"""The patients of the tests, and what the API says of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import pytest
from flask import Flask
from numpy.typing import NDArray

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.web.extension import get_registry
from tests.server.running import Server, make_home, running

PATIENTS = 400


@dataclass(frozen=True)
class Cohort:
    """Patients of a model, of whom some lack what is optional, and the API's predictions."""

    model: str
    names: tuple[str, ...]
    values: NDArray[np.float64]
    predictions: list[dict[str, Any]]

    @property
    def rows(self) -> list[list[float | None]]:
        """The values with null for what is missing."""
        return [[None if isnan(value) else value for value in row] for row in self.values.tolist()]

    @property
    def records(self) -> list[dict[str, float | None]]:
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]

    @property
    def outputs(self) -> dict[str, list[Any]]:
        """The API's answers as the outputs of the Open Inference Protocol."""
        answers = self.predictions
        return {
            "risk": [one["risk"] for one in answers],
            "death_event": [one["death_event"] for one in answers],
            "probabilities": [[vote["probability"] for vote in one["votes"]] for one in answers],
            "votes": [[vote["vote"] for vote in one["votes"]] for one in answers],
            "cautions": [" ".join(caution["kind"] for caution in one["cautions"]) for one in answers],
        }


@pytest.fixture(scope="session", params=MODEL_VARIABLES)
def cohort(
    request: pytest.FixtureRequest, app: Flask, random_patients: Callable[[Sequence[str], int], list[list[float]]]
) -> Cohort:
    model = get_registry(app).get(request.param)
    values = np.array(random_patients(model.names, PATIENTS))
    optional = [name not in model.required for name in model.names]
    values[(np.random.default_rng(1).random(values.shape) < 0.2) & optional] = np.nan
    cohort = Cohort(model.name, model.names, values, [])
    answer = app.test_client().post(f"/api/v1/predict?model={model.name}", json=cohort.records)
    cohort.predictions.extend(json.loads(answer.data)["predictions"])
    return cohort


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(make_home(tmp_path_factory.mktemp("protocols") / "home"), "--workers", "1") as one:
        yield one

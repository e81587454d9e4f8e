"""A loaded model: it predicts single patients and scores tables of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from heartapp.clinical.patient import MISSING
from heartapp.clinical.variables import BY_NAME, Variable
from heartapp.errors import NotInBundleError
from heartapp.inference.bundle import MEMBERS, ONNX, Bundle, as_bundle_error
from heartapp.inference.calibration import Calibration
from heartapp.inference.cautions import Caution, Cautions
from heartapp.inference.curve import DEFAULT_DAYS
from heartapp.inference.explanation import Explanation, explain
from heartapp.inference.lookup import make_lookup
from heartapp.inference.refits import Instability
from heartapp.inference.response import ResponseCurve, TurningPoint, responses, turning_points
from heartapp.inference.runtime import Graph

GOLDEN_TOLERANCE: Final = 1e-6
"""Largest difference of a golden row's probability: float32 sums may differ in the last digits between processors."""
CHECK_SECONDS: Final = 20.0
"""How long the checks of a new model may take; they need a tenth of a second."""


class ModelIdentity(msgspec.Struct, frozen=True, gc=False):
    """Which model answered."""

    name: str
    version: str
    digest: str


class Vote(msgspec.Struct, frozen=True, gc=False):
    """One member's probability of death and its class at the cutoff."""

    member: str
    probability: float
    vote: int


class Options(msgspec.Struct, frozen=True):
    """What to predict besides the risk.

    ``threshold`` replaces the model's own. ``survival`` adds the risk by other days: by ``horizons``, or without any by
    the model's default days.
    """

    threshold: float | None = None
    survival: bool = False
    horizons: tuple[int, ...] = ()
    explain: bool = False
    instability: bool = False


RISK_ONLY: Final = Options()


class Survival(msgspec.Struct, frozen=True):
    """The risk of death by each day; by the model's horizon it is the prediction's risk.

    ``low`` and ``high`` are the same curve through the refits' range. A model without refits has neither.
    """

    horizon_days: tuple[int, ...]
    risk: tuple[float, ...]
    low: tuple[float, ...] | msgspec.UnsetType = msgspec.UNSET
    high: tuple[float, ...] | msgspec.UnsetType = msgspec.UNSET


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """The answer for one patient; its fields are the JSON's keys. The last four are optional, see `Options`.

    ``risk`` is the probability of death within ``horizon_days``, or during follow-up where that is None.
    """

    model: ModelIdentity
    death_event: int
    risk: float
    horizon_days: int | None
    threshold: float
    base_rate: float
    votes: tuple[Vote, ...]
    cautions: tuple[Caution, ...]
    missing: tuple[str, ...]
    survival: Survival | msgspec.UnsetType = msgspec.UNSET
    explanation: Explanation | msgspec.UnsetType = msgspec.UNSET
    turning_points: tuple[TurningPoint, ...] | msgspec.UnsetType = msgspec.UNSET
    instability: Instability | msgspec.UnsetType = msgspec.UNSET

    @property
    def familiar(self) -> bool:
        """Whether the model has seen patients like this one; if not, the base rate says more than the risk."""
        return all(caution.kind != "little_support" for caution in self.cautions)


@dataclass(frozen=True, slots=True)
class Scores:
    """The answers for a table of n patients.

    ``risk`` (float64), ``death_event`` (int8) and ``cautions`` (kinds, separated by spaces) have the shape (n,); the
    members' ``probabilities`` (float32) and ``votes`` (int8) have the shape (n, 3).
    """

    risk: NDArray[np.float64]
    death_event: NDArray[np.int8]
    probabilities: NDArray[np.float32]
    votes: NDArray[np.int8]
    cautions: NDArray[np.str_]


class Model:
    """A model that was made from a bundle and answers the bundle's golden rows as stored.

    ``name`` is ``bedside`` or ``followup``. ``names`` are its variables, in the order of a row and a table's columns,
    and ``required`` those that must not be missing. ``default_days`` are the days of the curve where none are asked
    for: none for an undated model. All values are in the units of ``variables`` and were checked before; NaN is a
    missing value. `predict` and `score` give the same numbers, bit for bit. ``graph`` gives the members' probabilities
    that both look up.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Open the ONNX graph and check that the model answers.

        Raises:
            BundleError: the graph or another file of the bundle does not work; names the file.
        """
        self.bundle = bundle
        manifest = bundle.manifest
        self.name = manifest.name
        self.identity = ModelIdentity(manifest.name, manifest.version, bundle.digest)
        self.names = manifest.variable_names
        self.required = tuple(manifest.required)
        self.variables: tuple[Variable, ...] = tuple(BY_NAME[name] for name in self.names)
        self._cautions = Cautions(self.variables, manifest.support)
        self._used = [self.names.index(name) for name in manifest.used]
        self.calibration = Calibration(manifest.calibration.slope, manifest.calibration.intercept)
        self.threshold = manifest.threshold
        self.refits = bundle.refits
        self.curve = manifest.curve
        horizon = manifest.horizon or 0
        self.default_days = tuple(sorted({min(day, horizon) for day in DEFAULT_DAYS} - {0}))
        with as_bundle_error(f"{bundle.place}/{ONNX}"):
            self.graph = Graph(bundle.onnx, len(self.names))
        edges = {self.names.index(name): one for name, one in manifest.edges.items()}
        self._lookup = make_lookup(self.graph, self.calibration.risk, edges)
        with self.graph.time_limit(CHECK_SECONDS):
            with as_bundle_error(f"{bundle.place}/{ONNX}"):
                self._check_golden()
            with as_bundle_error(bundle.place):
                self._check_details()

    def predict(self, row: Sequence[float], options: Options = RISK_ONLY) -> Prediction:
        """Predict one patient.

        Args:
            row: the values, in the order of ``names``.
            options: what to predict besides the risk.

        Raises:
            NotInBundleError: an option needs a part that this model does not have.
        """
        threshold = self.threshold if options.threshold is None else options.threshold
        cutoff = self.calibration.cutoff(threshold)
        missing = tuple([name for name, value in zip(self.names, row, strict=True) if isnan(value)])
        members, risk = self._members_and_risk(row)
        return Prediction(
            self.identity,
            int(risk >= threshold),
            risk,
            self.bundle.manifest.horizon,
            threshold,
            self.bundle.manifest.base_rate,
            tuple([Vote(name, one, int(one >= cutoff)) for name, one in zip(MEMBERS, members, strict=True)]),
            self._cautions.of(row),
            missing,
            **({} if options is RISK_ONLY else self._details(row, risk, threshold, options)),
        )

    def near(self, row: Sequence[float]) -> int:
        """How many training patients are near to this one, as far as counts are stored."""
        return self._cautions.near(row)

    def regression_risk(self, row: Sequence[float]) -> float | None:
        """The risk by the plain regression; None where the bundle has none."""
        regression = self.bundle.manifest.regression
        return regression.risk(dict(zip(self.names, row, strict=True))) if regression else None

    def responses(self, row: Sequence[float]) -> tuple[ResponseCurve, ...]:
        """How the patient's risk changes with each number that the model uses."""
        manifest = self.bundle.manifest
        return tuple(responses(self.risk, self._cautions.supported, manifest.used, manifest.variables, row))

    def score(self, values: NDArray[np.floating], threshold: float | None = None) -> Scores:
        """Score a table of shape (n, variables); ``threshold`` replaces the model's own."""
        threshold = self.threshold if threshold is None else threshold
        probabilities = self.probabilities(values)
        risk = self.calibration.risk(probabilities)
        votes = (probabilities >= self.calibration.cutoff(threshold)).astype(np.int8)
        died = (risk >= threshold).astype(np.int8)
        return Scores(risk, died, probabilities, votes, self._cautions.kinds(values))

    def risk(self, values: ArrayLike) -> NDArray[np.float64]:
        """The risk, shape (n,), of a table of shape (n, variables)."""
        return self.calibration.risk(self.probabilities(values))

    def probabilities(self, values: ArrayLike) -> NDArray[np.float32]:
        """Each member's probability of death, shape (n, 3), of a table of shape (n, variables)."""
        values = np.asarray(values, np.float32)
        if self._lookup is None:
            return self.graph(values)
        return self._lookup.probabilities[self._lookup.cells(values)]

    def _members_and_risk(self, row: Sequence[float]) -> tuple[list[float], float]:
        """The members' probabilities and the risk of one patient."""
        if self._lookup is None:
            members = self.graph(np.array([row], np.float32))[0]
            return members.tolist(), float(self.calibration.risk(members))
        cell = self._lookup.cell(row)
        return self._lookup.probabilities[cell].tolist(), float(self._lookup.risks[cell])

    def _details(self, row: Sequence[float], risk: float, threshold: float, options: Options) -> dict[str, Any]:
        """What the options ask for, by the name of its field."""
        details: dict[str, Any] = {}
        if options.survival or options.horizons:
            details["survival"] = self._survival(row, risk, options.horizons or self.default_days)
        if options.explain:
            manifest = self.bundle.manifest
            details["explanation"] = explain(self.risk, self.variables, manifest.used, row, manifest.typical)
            details["turning_points"] = turning_points(
                lambda rows: self.risk(rows) >= threshold, manifest.used, manifest.variables, row
            )
        if options.instability:
            if self.refits is None:
                raise NotInBundleError(self.name, "refits that would tell how sure it is")
            details["instability"] = self.refits.instability(self._used_values(row), risk, threshold)
        return details

    def _survival(self, row: Sequence[float], risk: float, days: tuple[int, ...]) -> Survival:
        if self.curve is None:
            raise NotInBundleError(self.name, "survival curve")
        if max(days) > self.curve.horizon:
            raise NotInBundleError(self.name, f"risk by a day after its horizon, day {self.curve.horizon}")
        bounds = self.refits.range_of(self._used_values(row), risk) if self.refits else ()
        return Survival(days, *(tuple(self.curve.risk(one, days).tolist()) for one in (risk, *bounds)))

    def _used_values(self, row: Sequence[float]) -> list[float]:
        return [row[column] for column in self._used]

    def _check_golden(self) -> None:
        golden = self.bundle.manifest.golden
        answered = self.graph(np.array(golden.rows, np.float32))
        stored = np.array(golden.probabilities, np.float32)
        cutoff = self.calibration.cutoff(self.threshold)
        if (
            answered.shape != stored.shape
            or not np.allclose(answered, stored, rtol=0, atol=GOLDEN_TOLERANCE)
            or not np.allclose(self.calibration.risk(answered), golden.risks, rtol=0, atol=GOLDEN_TOLERANCE)
            or not np.array_equal(answered >= cutoff, stored >= cutoff)
        ):
            raise ValueError("the golden rows are not answered as stored; check which onnxruntime is installed")

    def _check_details(self) -> None:
        """Predict with every option, so that a file that makes no sense is refused now and not by a request."""
        everything = Options(survival=self.curve is not None, explain=True, instability=self.refits is not None)
        for row in (self.bundle.manifest.golden.rows[0], [MISSING] * len(self.names)):
            self.predict(row, everything)

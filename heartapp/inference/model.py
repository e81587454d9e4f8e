"""The runtime of one model: an onnxruntime session, the calibration, and what they say of patients."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import BundleError, NotInBundleError
from heartapp.inference.answers import make_answers
from heartapp.inference.bundle import MANIFEST, MEMBERS, ONNX, REFITS
from heartapp.inference.calibration import Calibration
from heartapp.inference.cautions import Caution, Limits
from heartapp.inference.explanation import Explanation, explain
from heartapp.inference.refits import Instability
from heartapp.inference.runtime import import_onnxruntime
from heartapp.inference.survival import LAST_DAY, SurvivalModel
from heartapp.inference.turning_points import TurningPoint, turning_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime
    from numpy.typing import NDArray

    from heartapp.clinical.variables import Variable
    from heartapp.inference.answers import Answers
    from heartapp.inference.bundle import Bundle

GOLDEN_TOLERANCE: Final = 1e-6
"""Largest difference of a golden row's probability: float32 sums may differ in the last digits between processors."""


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


class Asked(msgspec.Struct, frozen=True):
    """What is asked beside the risk.

    ``threshold`` replaces the model's own; ``horizons`` are the days of the survival curve, none for no curve.
    """

    threshold: float | None = None
    horizons: tuple[int, ...] = ()
    explain: bool = False
    instability: bool = False


NOTHING_MORE: Final = Asked()
"""The risk alone."""
_FEW: Final = 4
"""Patients up to whom one at a time is quicker than an array."""


class Survival(msgspec.Struct, frozen=True):
    """The risk of death by each day from the survival model, with the band of its refits.

    ``agrees`` says whether its risk by the last day of the curve is on the same side of the threshold as the verdict.
    """

    horizon_days: tuple[int, ...]
    risk: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    agrees: bool


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """What a model says of one patient; its fields are the JSON's keys. The last four are there when asked for."""

    model: ModelIdentity
    death_event: int
    risk: float
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
        """Whether the model has seen patients like this one; else the base rate says more than the risk."""
        return all(caution.kind not in {"outside_range", "unusual_combination"} for caution in self.cautions)


class Model:
    """A loaded model. Made from a bundle, it has answered the bundle's golden rows as stored.

    ``names`` are its variables in the order of a row, ``required`` those that it cannot do without.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Parse the ONNX graph and check it.

        Raises:
            BundleError: onnxruntime cannot read the graph, or a golden row is answered otherwise than stored.
        """
        self.bundle = bundle
        manifest = bundle.manifest
        self.identity = ModelIdentity(manifest.name, manifest.version, bundle.digest)
        self.names = manifest.variable_names
        self.required = tuple(manifest.required)
        self.variables: tuple[Variable, ...] = tuple(BY_NAME[name] for name in self.names)
        self._limits = Limits(self.variables, manifest.variables, manifest.domain)
        self.calibration = Calibration(manifest.calibration.slope, manifest.calibration.intercept)
        self.threshold = manifest.threshold
        self.cutoff = self.calibration.cutoff(self.threshold)
        self.refits = bundle.refits
        if self.refits is not None and self.refits.columns > len(self.variables):
            raise BundleError(f"{REFITS} of {self.name} splits on columns that are not there; train the model anew")
        self.survival = SurvivalModel(bundle.survival, manifest.variable_names) if bundle.survival else None
        self._session = _session(bundle)
        self._input = self._session.get_inputs()[0].name
        edges = {self.names.index(name): np.array(one, np.float32) for name, one in manifest.edges.items()}
        self._answers: Answers | None = None
        self._check_golden()
        try:
            self._answers = make_answers(self.ask_members, edges, len(self.names))
        except ValueError as error:
            raise BundleError(
                f"the edges in {MANIFEST} of {self.name} are not those of {ONNX}: {error}; train the model anew"
            ) from None
        self._risks = self.calibration.risk(self._answers.probabilities).tolist() if self._answers else []

    @property
    def name(self) -> str:
        """The model's name: ``bedside`` or ``followup``."""
        return self.identity.name

    def probabilities(self, rows: Sequence[Sequence[float]] | NDArray[np.floating]) -> NDArray[np.float32]:
        """Each member's probability of death, shape (n, 3), of rows of shape (n, variables)."""
        # The shape is spelled out for an empty list, which alone has one dimension.
        values = np.asarray(rows, np.float32).reshape(len(rows), len(self.variables))
        if self._answers is None:
            return self.ask_members(values)
        return self._answers.probabilities[self._answers.find_all(values)]

    def ask_members(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What `probabilities` says, from the members themselves even where all their answers are known."""
        output: NDArray[np.float32] = self._session.run(None, {self._input: values})[0]
        return output

    def risk(self, rows: Sequence[Sequence[float]] | NDArray[np.floating]) -> NDArray[np.float64]:
        """The served risk, shape (n,), of rows of shape (n, variables)."""
        return self.calibration.risk(self.probabilities(rows))

    def predict(self, rows: Sequence[Sequence[float]], asked: Asked = NOTHING_MORE) -> list[Prediction]:
        """One prediction a row; values in the order and units of ``variables``, checked before; NaN is missing.

        Raises:
            NotInBundleError: a survival curve or the instability was asked for, and this model has none.
        """
        if asked.horizons and self.survival is None:
            raise NotInBundleError(self.name, "survival curve")
        if asked.instability and self.refits is None:
            raise NotInBundleError(self.name, "refits that would tell how sure it is")
        threshold, cutoff = self.threshold, self.cutoff
        if asked.threshold is not None:
            threshold, cutoff = asked.threshold, self.calibration.cutoff(asked.threshold)
        detailed = asked != NOTHING_MORE
        few = len(rows) <= _FEW
        members_of_each, risks = self._score_few(rows) if few else self._score_many(rows)
        cautions = map(self._limits.cautions, rows) if few else self._limits.cautions_of_all(rows)
        base_rate = self.bundle.manifest.base_rate
        return [
            Prediction(
                self.identity,
                int(risk >= threshold),
                risk,
                threshold,
                base_rate,
                tuple(
                    [Vote(member, value, int(value >= cutoff)) for member, value in zip(MEMBERS, members, strict=True)]
                ),
                caution,
                self._missing(row),
                **(self._details(row, int(risk >= threshold), threshold, asked) if detailed else {}),
            )
            for row, risk, members, caution in zip(rows, risks, members_of_each, cautions, strict=True)
        ]

    def _score_few(self, rows: Sequence[Sequence[float]]) -> tuple[list[list[float]], list[float]]:
        """The members' probabilities and the risk of each row: bit for bit what `_score_many` gives."""
        if self._answers is None:
            members_of_each = self.probabilities(rows).tolist()
            return members_of_each, [self.calibration.risk_of(members) for members in members_of_each]
        if any(len(row) != len(self.names) for row in rows):
            raise ValueError(f"cannot reshape rows that have not {len(self.names)} values each")
        numbers = [self._answers.find(row) for row in rows]
        return [self._answers.probabilities[one].tolist() for one in numbers], [self._risks[one] for one in numbers]

    def _score_many(self, rows: Sequence[Sequence[float]]) -> tuple[list[list[float]], list[float]]:
        probabilities = self.probabilities(rows)
        return probabilities.tolist(), self.calibration.risk(probabilities).tolist()

    def _missing(self, row: Sequence[float]) -> tuple[str, ...]:
        # Most lack nothing, and a sum tells: it is NaN where any value is.
        if not isnan(sum(row)):
            return ()
        return tuple(name for name, value in zip(self.names, row, strict=True) if isnan(value))

    def _details(self, row: Sequence[float], died: int, threshold: float, asked: Asked) -> dict[str, Any]:
        """What was asked for beside the risk, by the name of its field."""
        details: dict[str, Any] = {}
        if asked.horizons and self.survival is not None:
            curve = self.survival.curve(row, (*asked.horizons, LAST_DAY))
            risk, low, high = (values[:-1] for values in (curve.risk, curve.low, curve.high))
            agrees = (curve.risk[-1] >= threshold) == bool(died)
            details["survival"] = Survival(asked.horizons, risk, low, high, agrees)
        if asked.explain:
            manifest = self.bundle.manifest
            details["explanation"] = explain(self.risk, self.variables, manifest.used, row, manifest.typical)
            details["turning_points"] = turning_points(
                lambda rows: self.risk(rows) >= threshold, self.variables, manifest.variables, row
            )
        if asked.instability and self.refits is not None:
            details["instability"] = self.refits.instability(row, death_event=died, threshold=threshold)
        return details

    def _check_golden(self) -> None:
        golden = self.bundle.manifest.golden
        try:
            answered = self.probabilities(golden.rows)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own without a common base
            raise BundleError(f"{ONNX} of {self.name} cannot be run: {error}; train the model anew") from None
        stored = np.array(golden.probabilities, np.float32)
        risks = self.calibration.risk(answered)
        if (
            answered.shape != stored.shape
            or not np.allclose(answered, stored, rtol=0, atol=GOLDEN_TOLERANCE)
            or not np.allclose(risks, golden.risks, rtol=0, atol=GOLDEN_TOLERANCE)
            or not np.array_equal(answered >= self.cutoff, stored >= self.cutoff)
        ):
            raise BundleError(
                f"{ONNX} of {self.name} {self.identity.version} does not answer its golden rows as stored; train the "
                "model anew, or check the onnxruntime that is installed"
            )


def _session(bundle: Bundle) -> onnxruntime.InferenceSession:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    # The processes are the parallelism. One thread each also keeps the order of sums, so answers do not vary.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(bundle.onnx, options, providers=["CPUExecutionProvider"])
        inputs, outputs = session.get_inputs(), session.get_outputs()
        fits = (
            len(inputs) == len(outputs) == 1
            and inputs[0].shape[1:] == [len(bundle.manifest.variables)]
            and inputs[0].type == outputs[0].type == "tensor(float)"
        )
    except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own without a common base
        raise BundleError(f"{ONNX} of {bundle.manifest.name} cannot be read: {error}; train the model anew") from None
    if not fits:
        raise BundleError(f"{ONNX} of {bundle.manifest.name} does not fit its manifest; train the model anew")
    return session

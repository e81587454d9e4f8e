"""The runtime of one model: an onnxruntime session, the calibration, and what they say of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import BundleError
from heartapp.inference.bundle import MEMBERS, ONNX
from heartapp.inference.calibration import Calibration
from heartapp.inference.cautions import Caution, cautions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime
    from numpy.typing import NDArray

    from heartapp.clinical.variables import Variable
    from heartapp.inference.bundle import Bundle

GOLDEN_TOLERANCE: Final = 1e-6
"""Largest difference of a golden row's probability: float32 sums may differ in the last digits between processors."""


class ModelIdentity(msgspec.Struct, frozen=True):
    """Which model answered."""

    name: str
    version: str
    digest: str


class Vote(msgspec.Struct, frozen=True):
    """One member's probability of death and its class at the cutoff."""

    member: str
    probability: float
    vote: int


class Prediction(msgspec.Struct, frozen=True):
    """What a model says of one patient; its fields are the JSON's keys."""

    model: ModelIdentity
    death_event: int
    risk: float
    threshold: float
    base_rate: float
    votes: tuple[Vote, ...]
    cautions: tuple[Caution, ...]


class Model:
    """A loaded model. Made from a bundle, it has answered the bundle's golden rows as stored."""

    def __init__(self, bundle: Bundle) -> None:
        """Parse the ONNX graph and check it.

        Raises:
            BundleError: onnxruntime cannot read the graph, or a golden row is answered otherwise than stored.
        """
        self.bundle = bundle
        manifest = bundle.manifest
        self.identity = ModelIdentity(manifest.name, manifest.version, bundle.digest)
        self.variables: tuple[Variable, ...] = tuple(BY_NAME[name] for name in manifest.variable_names)
        self.calibration = Calibration(manifest.calibration.slope, manifest.calibration.intercept)
        self.threshold = manifest.threshold
        self.cutoff = self.calibration.cutoff(self.threshold)
        self._session = _session(bundle)
        self._input = self._session.get_inputs()[0].name
        self._check_golden()

    @property
    def name(self) -> str:
        """The model's name: ``bedside`` or ``followup``."""
        return self.identity.name

    def probabilities(self, rows: Sequence[Sequence[float]] | NDArray[np.floating]) -> NDArray[np.float32]:
        """Each member's probability of death, shape (n, 3), of rows of shape (n, variables)."""
        # The shape is spelled out for an empty list, which alone has one dimension.
        values = np.asarray(rows, np.float32).reshape(len(rows), len(self.variables))
        output: NDArray[np.float32] = self._session.run(None, {self._input: values})[0]
        return output

    def predict(self, rows: Sequence[Sequence[float]]) -> list[Prediction]:
        """One prediction a row; values in the order and units of ``variables``, checked before."""
        probabilities = self.probabilities(rows)
        risks = self.calibration.risk(probabilities).tolist()
        return [
            self._prediction(row, risk, members)
            for row, risk, members in zip(rows, risks, probabilities.tolist(), strict=True)
        ]

    def _prediction(self, row: Sequence[float], risk: float, members: Sequence[float]) -> Prediction:
        return Prediction(
            model=self.identity,
            death_event=int(risk >= self.threshold),
            risk=risk,
            threshold=self.threshold,
            base_rate=self.bundle.manifest.base_rate,
            votes=tuple(
                Vote(member, probability, int(probability >= self.cutoff))
                for member, probability in zip(MEMBERS, members, strict=True)
            ),
            cautions=cautions(self.variables, self.bundle.manifest.variables, row),
        )

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
    # Its import starts a thread, for which a child of fork waits for ever when it ends (`gunicorn --preload`).
    import onnxruntime  # noqa: PLC0415 - in the process that uses it

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

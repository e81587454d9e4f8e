"""Bytes in, bytes out: decode and check JSON, score, encode. The leanest way to it that we know.

It is the core of the hand-written FastAPI app: the same answer as heartapp's, but for cautions and missing values, and
nothing that heartapp has wrapped around it.
"""

from __future__ import annotations

from math import exp, log
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from benchmarks import bundle
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.runtime import import_onnxruntime

_EPSILON = 0.01


class Identity(msgspec.Struct, frozen=True):
    """Which model answered."""

    name: str
    version: str


class Vote(msgspec.Struct, gc=False):
    """One member's probability and vote."""

    member: str
    probability: float
    vote: int


class Prediction(msgspec.Struct):
    """The answer for one patient."""

    model: Identity
    death_event: int
    risk: float
    threshold: float
    base_rate: float
    votes: list[Vote]


class Predictions(msgspec.Struct):
    """The answer for many."""

    predictions: list[Prediction]


class Scorer:
    """The loaded model with its decoder and encoder."""

    def __init__(self) -> None:
        manifest = bundle.manifest()
        self._identity = Identity(manifest["name"], manifest["version"])
        self._slope: float = manifest["calibration"]["slope"]
        self._intercept: float = manifest["calibration"]["intercept"]
        self._threshold: float = manifest["threshold"]
        self._cutoff = 1 / (1 + exp((self._intercept - log(self._threshold / (1 - self._threshold))) / self._slope))
        self._base_rate: float = manifest["base_rate"]
        self._members: list[str] = manifest["members"]
        patient = _patient(manifest["required"])
        self._decoder = msgspec.json.Decoder(patient | list[patient])  # type: ignore[valid-type]  # made at run time
        self._encoder = msgspec.json.Encoder()
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        content = (bundle.folder() / "model.onnx").read_bytes()
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._input: str = self._session.get_inputs()[0].name

    def answer(self, body: bytes) -> bytes:
        """The JSON of one prediction for an object, of many for an array.

        Raises:
            msgspec.DecodeError: the body is not JSON, or not what a patient is made of.
        """
        decoded = self._decoder.decode(body)
        if isinstance(decoded, list):
            return self._encoder.encode(Predictions(self._score(decoded)))
        return self._encoder.encode(self._score([decoded])[0])

    def _score(self, patients: list[Any]) -> list[Prediction]:
        rows = np.array([msgspec.structs.astuple(patient) for patient in patients], np.float32)
        return [self._prediction(members) for members in self._session.run(None, {self._input: rows})[0].tolist()]

    def _prediction(self, probabilities: list[float]) -> Prediction:
        risk = self._risk(sorted(probabilities)[1])
        votes = [
            Vote(member, probability, int(probability >= self._cutoff))
            for member, probability in zip(self._members, probabilities, strict=True)
        ]
        died = int(risk >= self._threshold)
        return Prediction(self._identity, died, risk, self._threshold, self._base_rate, votes)

    def _risk(self, probability: float) -> float:
        held = min(max(probability, _EPSILON), 1 - _EPSILON)
        return 1 / (1 + exp(-(self._slope * log(held / (1 - held)) + self._intercept)))


def _patient(required: list[str]) -> type[msgspec.Struct]:
    """A struct with a field for each variable, within its limits."""
    fields: list[Any] = []
    for variable in (BY_NAME[name] for name in bundle.names()):
        number = float if variable.kind == "number" else int
        kind: Any = Annotated[number, Meta(ge=variable.low, le=variable.high)]
        fields.append((variable.name, kind) if variable.name in required else (variable.name, kind | None, None))
    return msgspec.defstruct("Patient", fields, kw_only=True, forbid_unknown_fields=True)

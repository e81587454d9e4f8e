"""The formats of requests and answers, and the check of an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from benchmarks.bundle import Numbers, Patient

TOLERANCE: Final = 1e-5
"""Estimators and ONNX graph add up in a different order, so a right answer may differ by this much."""
_CONSTANT_RISK: Final = 0.3710204
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Format:
    """One format of JSON.

    ``read`` takes the numbers out of an answer, ``ask`` makes a request from a patient, and ``expect`` gives the right
    numbers from what the bundle holds: each member's probability, then the risk.
    """

    read: Callable[[Any], Numbers]
    ask: Callable[[Patient], Any] = lambda patient: patient
    expect: Callable[[Numbers], Numbers] = lambda truth: truth[:-1]

    def body(self, patient: Patient) -> bytes:
        """The body of a request."""
        return msgspec.json.encode(self.ask(patient))

    def is_right(self, content: bytes, truth: Numbers) -> bool:
        """Whether the body of an answer holds the right numbers."""
        try:
            pairs = zip(self.read(msgspec.json.decode(content)), self.expect(truth), strict=True)
            return all(abs(one - other) <= TOLERANCE for one, other in pairs)
        except (msgspec.DecodeError, LookupError, TypeError, ValueError):
            return False


def _tensor(patient: Patient) -> Any:
    data = list(patient.values())
    # Without a fixed id MLServer makes one for each answer, and no two answers are equal.
    return {"id": "1", "inputs": [{"name": "patients", "shape": [1, len(data)], "datatype": "FP32", "data": data}]}


FORMATS: Final = {
    "prediction": Format(
        lambda answer: [*(vote["probability"] for vote in answer["votes"]), answer["risk"]],
        expect=lambda truth: truth,
    ),
    "constant": Format(lambda answer: [answer["risk"]], expect=lambda _truth: [_CONSTANT_RISK]),
    "votes": Format(
        lambda answer: answer["votes"],
        expect=lambda truth: [probability > _HALF for probability in truth[:-1]],
    ),
    "tensor": Format(lambda answer: answer["outputs"][0]["data"], ask=_tensor),
    "row": Format(
        lambda answer: answer["probabilities"][0],
        ask=lambda patient: {"patients": [list(patient.values())]},
    ),
}

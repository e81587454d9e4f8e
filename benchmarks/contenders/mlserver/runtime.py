"""MLServer's custom runtime around the members."""

from __future__ import annotations

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.members import Members


class MembersRuntime(MLModel):
    """Answers a tensor of rows with a tensor of probabilities."""

    async def load(self) -> bool:
        """Load the estimators, once in each inference worker."""
        self._members = Members()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Probabilities of shape (n, 3), from rows of shape (n, variables)."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        output = NumpyCodec.encode_output("probabilities", self._members.probabilities(rows))
        return InferenceResponse(model_name=self.name, id=payload.id, outputs=[output])

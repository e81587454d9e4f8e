"""LitServe around the members: ``python -m benchmarks.contenders.litserve.app PORT``.

Two workers, as many processes for HTTP (its default), its fast queue, no access log.
"""

from __future__ import annotations

import sys
from typing import Any

import litserve

from benchmarks.members import Members


class MembersAPI(litserve.LitAPI):
    """Answers rows with probabilities."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the processor is the only one
        """Load the estimators, once in each worker."""
        self._members = Members()

    # LitServe would have pydantic check what is annotated in these two; without, it is faster.
    def decode_request(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - see above
        """Rows of shape (n, variables)."""
        return request["patients"]

    def predict(self, x: list[list[float]]) -> Any:
        """Probabilities of shape (n, 3)."""
        return self._members.probabilities(x)

    def encode_response(self, output):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - see above
        """The answer's JSON."""
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    api = MembersAPI(api_path="/predict")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2, fast_queue=True)
    options = {"num_api_servers": 2, "generate_client_file": False, "log_level": "error", "access_log": False}
    server.run(host="127.0.0.1", port=int(sys.argv[1]), **options)

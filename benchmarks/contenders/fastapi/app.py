"""What one could write by hand instead of heartapp, as fast as FastAPI allows.

The answer is heartapp's, without cautions and missing values. msgspec takes the place of pydantic, and the graph runs
in the event loop: its 30 µs are less than a thread switch takes.
"""

from __future__ import annotations

import gc
import os
from math import exp, log
from typing import TYPE_CHECKING, Annotated, Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is imported

import msgspec
import numpy as np
import onnxruntime
from fastapi import FastAPI
from starlette.responses import Response

from benchmarks import bundle
from heartapp.clinical.variables import BY_NAME

if TYPE_CHECKING:
    from starlette.requests import Request

MANIFEST = bundle.manifest()
IDENTITY = {name: MANIFEST[name] for name in ("name", "version")}
THRESHOLD: float = MANIFEST["threshold"]
SLOPE, INTERCEPT = MANIFEST["calibration"]["slope"], MANIFEST["calibration"]["intercept"]
CUTOFF = 1 / (1 + exp((INTERCEPT - log(THRESHOLD / (1 - THRESHOLD))) / SLOPE))


def patient_type() -> type[msgspec.Struct]:
    """A struct with a field for each variable, within its limits."""
    fields: list[Any] = []
    for variable in (BY_NAME[name] for name in bundle.names()):
        number = float if variable.kind == "number" else int
        kind: Any = Annotated[number, msgspec.Meta(ge=variable.low, le=variable.high)]
        required = variable.name in MANIFEST["required"]
        fields.append((variable.name, kind) if required else (variable.name, kind | None, None))
    return msgspec.defstruct("Patient", fields, kw_only=True, forbid_unknown_fields=True)


def make_prediction(probabilities: list[float]) -> dict[str, Any]:
    """One patient's answer, from the members' probabilities."""
    median = min(max(sorted(probabilities)[1], 0.01), 0.99)
    risk = 1 / (1 + exp(-(SLOPE * log(median / (1 - median)) + INTERCEPT)))
    votes = [
        {"member": member, "probability": probability, "vote": int(probability >= CUTOFF)}
        for member, probability in zip(MANIFEST["members"], probabilities, strict=True)
    ]
    return {
        "model": IDENTITY,
        "death_event": int(risk >= THRESHOLD),
        "risk": risk,
        "threshold": THRESHOLD,
        "base_rate": MANIFEST["base_rate"],
        "votes": votes,
    }


async def predict(request: Request) -> Response:
    """The answer, or what is wrong with the request."""
    try:
        patient = decoder.decode(await request.body())
    except msgspec.DecodeError as error:
        return Response(msgspec.json.encode({"detail": str(error)}), 422, media_type="application/json")
    rows = np.array([msgspec.structs.astuple(patient)], np.float32)
    (probabilities,) = session.run(None, {input_name: rows})[0].tolist()
    return Response(msgspec.json.encode(make_prediction(probabilities)), media_type="application/json")


decoder = msgspec.json.Decoder(patient_type())
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(bundle.folder() / "model.onnx", options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name
app = FastAPI(openapi_url=None)
# A plain route. FastAPI's own would look for parameters in each request.
app.add_route("/predict", predict, methods=["POST"])
gc.freeze()

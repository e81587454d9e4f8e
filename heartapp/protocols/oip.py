"""The Open Inference Protocol v2, with the binary tensor extension."""

from http import HTTPStatus
from importlib.metadata import version as version_of
from typing import Annotated, Any, Final

import msgspec
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from msgspec import UNSET, Meta, UnsetType

from heartapp.clinical.patient import printable
from heartapp.errors import FieldError, HeartappError, InvalidPatientError, ModelUnavailableError
from heartapp.inference.bundle import MEMBERS
from heartapp.inference.model import Model
from heartapp.protocols.shared import answer, malformed, read_struct, write_json
from heartapp.protocols.tensors import TABLE, Parameters, Tensor, read_table, write_tensor
from heartapp.web.body import JSON, read_body, read_media_type, read_parameters
from heartapp.web.extension import get_registry, get_request, get_services, get_settings
from heartapp.web.observe import predicted, span
from heartapp.web.problems import RequestError

blueprint = Blueprint("oip", __name__, url_prefix="/v2")

BINARY: Final = "application/octet-stream"
LENGTH: Final = "Inference-Header-Content-Length"
MOST_TENSORS: Final = 100
OUTPUTS: Final[dict[str, tuple[str, list[int]]]] = {
    "risk": ("FP64", [-1]),
    "death_event": ("INT8", [-1]),
    "probabilities": ("FP32", [-1, len(MEMBERS)]),
    "votes": ("INT8", [-1, len(MEMBERS)]),
    "cautions": ("BYTES", [-1]),
}
"""Datatype and shape of each output; their names are the fields of `heartapp.inference.model.Scores`."""


class InferRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request. KServe's client repeats the model's name in it; the address decides."""

    inputs: Annotated[list[Tensor], Meta(max_length=MOST_TENSORS)]
    outputs: Annotated[list[Tensor], Meta(max_length=MOST_TENSORS)] = []
    id: Annotated[str, Meta(pattern="^[^\ud800-\udfff]*$")] | UnsetType = UNSET  # what can be written back
    parameters: Parameters = Parameters()
    model_name: str | None = None
    model_version: str | None = None


class InferResponse(msgspec.Struct, frozen=True):
    """The answer to a request; its parameters are facts about the model."""

    model_name: str
    model_version: str
    id: str | UnsetType
    parameters: dict[str, Any]
    outputs: list[Tensor]


@blueprint.before_request
def refuse_parameters() -> None:
    """No address of this protocol takes a query."""
    read_parameters(get_request())


@blueprint.get("")
def server() -> ResponseReturnValue:
    """Name, version and extensions of the server."""
    return write_json({"name": "heartapp", "version": version_of("heartapp"), "extensions": ["binary_tensor_data"]})


@blueprint.get("/health/live")
def live() -> ResponseReturnValue:
    """The process answers."""
    return write_json({"live": True})


@blueprint.get("/health/ready")
def ready() -> ResponseReturnValue:
    """Every configured model is served."""
    if faults := get_registry().faults:
        raise ModelUnavailableError(f"Not served: {', '.join(faults)}. /readyz says why.")
    return write_json({"ready": True})


@blueprint.get("/models/<name>")
@blueprint.get("/models/<name>/versions/<version>")
def model(name: str, version: str | None = None) -> ResponseReturnValue:
    """The inputs and outputs of a model."""
    served = _find(name, version)
    optional = [variable.name not in served.required for variable in served.variables]
    inputs = [
        {"name": one.name, "datatype": "FP64", "shape": [-1], "parameters": {"optional": may, "expected": one.expected}}
        for one, may in zip(served.variables, optional, strict=True)
    ]
    facts: dict[str, Any] = {
        **_facts(served),
        "instead_of_inputs": f"{TABLE}, FP64 [-1, {len(inputs)}]: the inputs as its columns, in this order",
        "members": ", ".join(MEMBERS),
    }
    return write_json(
        {
            "name": name,
            "versions": [served.identity.version],
            "platform": "onnx_onnxv1",
            "inputs": inputs,
            "outputs": [{"name": one, "datatype": kind, "shape": shape} for one, (kind, shape) in OUTPUTS.items()],
            "parameters": facts,
        }
    )


@blueprint.get("/models/<name>/ready")
@blueprint.get("/models/<name>/versions/<version>/ready")
def model_ready(name: str, version: str | None = None) -> ResponseReturnValue:
    """The model is served."""
    return write_json({"name": _find(name, version).name, "ready": True})


@blueprint.post("/models/<name>/infer")
@blueprint.post("/models/<name>/versions/<version>/infer")
def infer(name: str, version: str | None = None) -> ResponseReturnValue:
    """Score the patients of a request."""
    request, settings = get_request(), get_settings()
    content = read_body(request, settings.max_body_bytes)
    served = _find(name, version)
    read_media_type(request, (JSON, BINARY, ""))
    size = _json_size(request.headers.get(LENGTH), len(content))
    with get_services().queue.turn(content):
        with span("read"):
            asked = read_struct(content[:size], InferRequest)
            wanted = _wanted(asked)
            table = read_table(asked.inputs, content[size:], served, settings.max_patients)
        with span("predict"):
            scores = served.score(table)
        predicted.send(served, answers=scores)
        with span("render"):
            outputs, data = zip(
                *(write_tensor(one, OUTPUTS[one][0], getattr(scores, one), binary=wanted[one]) for one in wanted),
                strict=True,
            )
    identity = served.identity
    head = msgspec.json.encode(InferResponse(identity.name, identity.version, asked.id, _facts(served), [*outputs]))
    if not any(wanted.values()):
        return Response(head, mimetype=JSON)
    return Response(head + b"".join(data), mimetype=BINARY, headers={LENGTH: str(len(head))})


@blueprint.errorhandler(HeartappError)
def domain_error(failure: HeartappError) -> ResponseReturnValue:
    """Answer every error of a request as the protocol has it."""
    return answer(failure, error)


def error(status: int, detail: str) -> Response:
    """An error as the protocol has it."""
    return write_json({"error": detail}, status)


def _find(name: str, version: str | None) -> Model:
    served = get_registry().get(name)
    if version not in {None, served.identity.version}:
        detail = f"Of the model {name}, version {served.identity.version} is served and no other."
        raise RequestError(detail, HTTPStatus.NOT_FOUND)
    return served


def _json_size(header: str | None, most: int) -> int:
    """How many bytes of a body are JSON."""
    if header is None:
        return most
    if not (header.isdecimal() and len(header) <= len(str(most)) and int(header) <= most):
        raise malformed(f"{LENGTH} must be the number of its bytes that are JSON")
    return int(header)


def _wanted(asked: InferRequest) -> dict[str, bool]:
    """The outputs that are asked for, by default all, and whether each is to be binary."""
    default = asked.parameters.binary_data_output
    if unknown := [printable(output.name) for output in asked.outputs if output.name not in OUTPUTS]:
        message = f"is not an output; there are {', '.join(OUTPUTS)}"
        raise InvalidPatientError([FieldError(name, message) for name in unknown])
    own = {output.name: output.parameters.binary_data for output in asked.outputs} or dict.fromkeys(OUTPUTS)
    return {name: default if binary is None else binary for name, binary in own.items()}


def _facts(model: Model) -> dict[str, Any]:
    """What a program should know of a model with each answer."""
    manifest = model.bundle.manifest
    return {
        "digest": model.identity.digest,
        "threshold": manifest.threshold,
        "risk_of": f"death within {manifest.horizon} days" if manifest.horizon else "death during follow-up",
        "use": "for research and education, not for clinical decisions",
    }

"""MLflow's scoring protocol: what a server that ``mlflow models serve`` starts answers."""

from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version as version_of
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from msgspec import UNSET, Meta, UnsetType

from heartapp.errors import HeartappError, InvalidPatientError
from heartapp.inference.model import Scores
from heartapp.protocols.shared import answer, malformed, read_struct, write_json
from heartapp.tables.check import ragged
from heartapp.tables.columns import ADDED_NAMES, model_label
from heartapp.web.body import CSV, JSON, read_body, read_media_type, read_parameters
from heartapp.web.extension import get_registry, get_request, get_services, get_settings
from heartapp.web.observe import predicted, span
from heartapp.web.patients import check_records, read_csv_patients

blueprint = Blueprint("mlflow", __name__)

_CODES: Final = {
    HTTPStatus.INTERNAL_SERVER_ERROR: "INTERNAL_ERROR",
    HTTPStatus.SERVICE_UNAVAILABLE: "TEMPORARILY_UNAVAILABLE",
}
"""MLflow's name of a status; of all others it is BAD_REQUEST."""


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table as pandas writes it with ``orient="split"``."""

    columns: list[str]
    data: list[list[Any]]
    index: list[Any] = []


class Invocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request: one of the four forms of a table."""

    dataframe_split: Split | UnsetType = UNSET
    dataframe_records: list[Any] | UnsetType = UNSET
    instances: list[Any] | UnsetType = UNSET
    inputs: list[Any] | dict[str, list[Any]] | UnsetType = UNSET
    params: Annotated[dict[str, Any], Meta(max_length=0)] | None = None


@blueprint.get("/ping")
def ping() -> ResponseReturnValue:
    """The default model is served."""
    get_registry().get()
    return Response("\n", mimetype=JSON)


@blueprint.get("/version")
def version() -> ResponseReturnValue:
    """The version of the server."""
    return Response(version_of("heartapp"), mimetype="text/plain")


@blueprint.post("/invocations")
def invocations() -> ResponseReturnValue:
    """Score the patients of a table, with the default model or the one that the query names."""
    request, settings = get_request(), get_settings()
    content = read_body(request, settings.max_body_bytes)
    model = get_registry().get(read_parameters(request, ("model",)).get("model"))
    with get_services().queue.turn(content):
        with span("read"):
            if read_media_type(request, (JSON, CSV)) == CSV:
                patients = read_csv_patients(content, model, most=settings.max_patients, skip=False)
            else:
                patients = check_records(_records(content, model.names), model, most=settings.max_patients)
        with span("predict"):
            scores = model.score(np.reshape(patients.rows, (-1, len(model.names))))
        predicted.send(model, answers=scores)
        with span("render"):
            return write_json({"predictions": _predictions(scores, model_label(model.identity))})


@blueprint.errorhandler(HeartappError)
def domain_error(failure: HeartappError) -> ResponseReturnValue:
    """Answer every error of a request as MLflow does."""
    return answer(failure, error)


def error(status: int, detail: str) -> Response:
    """An error as MLflow's clients read it."""
    return write_json({"error_code": _CODES.get(HTTPStatus(status), "BAD_REQUEST"), "message": detail}, status)


def _records(content: bytes, names: Sequence[str]) -> Sequence[object]:
    """The patients of a JSON body as objects. Rows without columns have the model's variables, in their order."""
    sent = read_struct(content, Invocation)
    forms = [
        form
        for form in (sent.dataframe_split, sent.dataframe_records, sent.instances, sent.inputs)
        if form is not UNSET
    ]
    if len(forms) != 1:
        raise malformed("send exactly one of dataframe_split, dataframe_records, instances and inputs")
    (form,) = forms
    if isinstance(form, Split):
        return _from_rows(form.columns, form.data)
    if isinstance(form, dict):
        return _from_columns(form)
    return _from_rows(names, form) if form and isinstance(form[0], list) else form


def _from_rows(columns: Sequence[str], rows: Sequence[Any]) -> list[dict[str, Any]]:
    if len({*columns}) < len(columns):
        raise malformed("a column is there more than once")
    lengths = [len(row) if isinstance(row, list) else 0 for row in rows]
    if faults := [ragged(one, len(columns), row) for row, one in enumerate(lengths) if one != len(columns)]:
        raise InvalidPatientError(faults)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _from_columns(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    if len({*map(len, columns.values())}) > 1:
        raise malformed("the arrays of inputs must have the same length")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _predictions(scores: Scores, label: str) -> list[dict[str, Any]]:
    """What scoring adds to a table, one object a patient."""
    columns = [scores.risk, scores.death_event, *scores.probabilities.T, *scores.votes.T, scores.cautions]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [dict(zip(ADDED_NAMES, (*row, label), strict=True)) for row in rows]

"""The API's addresses. Each view reads, calls the registry and writes; nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from flask import Blueprint, Response, render_template

from heartapp.api.answers import PredictionList, faulty_fields
from heartapp.api.body import RequestError, read_away, read_body, read_query, read_rows
from heartapp.api.media import ANYTHING, CSV, JSON, negotiate
from heartapp.api.openapi import openapi_document
from heartapp.api.query import PARAMETERS, read_options, read_skip
from heartapp.api.summary import summarise
from heartapp.api.tables import read_csv_patients, read_json_patients, write_patients
from heartapp.clinical.patient import MOST_FAULTS
from heartapp.clinical.variables import VARIABLES
from heartapp.tables.cells import MISSING_WORDS
from heartapp.tables.columns import ADDED_NAMES
from heartapp.tables.csv_body import BETWEEN_FAULTS, FAULT
from heartapp.web.extension import get_registry, get_request, get_settings
from heartapp.web.problems import TYPES, problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flask.typing import ResponseReturnValue

    from heartapp.errors import FieldError
    from heartapp.inference.model import Model, Options, Prediction

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.post("/predict")
def predict() -> ResponseReturnValue:
    """Predict one patient (an object) or many (an array, or a table)."""
    # Not by way of the proxy, for which each look is a look-up.
    request = get_request()
    query = read_query(request, PARAMETERS)
    model = get_registry().get(query.get("model"))
    skip = read_skip(query)
    headers = request.environ
    if (
        headers.get("CONTENT_TYPE") != JSON
        or headers.get("HTTP_ACCEPT") not in ANYTHING
        or "HTTP_CONTENT_ENCODING" in headers
    ):
        sent, wanted = negotiate(request)
        if not sent == wanted == JSON:
            return _predict_table(model, query, sent, wanted)
    settings = get_settings()
    body = read_body(request, settings.max_body_bytes)
    read = read_rows(body, model.names, model.required, most=settings.max_patients, skip=skip)
    predictions = _predict_all(model, read.rows, read_options(query, patients=len(read.rows)))
    if not read.many:
        return _json(predictions[0])
    return _json(_listed(predictions, read.places, read.faults) if skip else PredictionList(predictions))


def _predict_table(model: Model, query: Mapping[str, str], sent: str, wanted: str) -> Response:
    """Answer where the body or the answer is a table."""
    settings = get_settings()
    skip = read_skip(query)
    read = read_csv_patients if sent == CSV else read_json_patients
    patients = read(read_body(get_request(), settings.max_body_bytes), model, most=settings.max_patients, skip=skip)
    if wanted == CSV:
        return Response(write_patients(patients, model, query, skip=skip), mimetype=CSV)
    rows = patients.values[patients.good].tolist()
    predictions = _predict_all(model, rows, read_options(query, patients=len(rows)))
    if not skip:
        return _json(PredictionList(predictions))
    return _json(_listed(predictions, np.flatnonzero(patients.good).tolist(), patients.faults))


@blueprint.get("/models")
def models() -> ResponseReturnValue:
    """What is served here."""
    read_query(get_request(), ())
    registry = get_registry()
    return _json({"default": registry.default, "models": [summarise(model) for model in registry.models]})


@blueprint.get("/models/<name>")
def model(name: str) -> ResponseReturnValue:
    """One model: its variables, performance and digests."""
    read_query(get_request(), ())
    return _json(summarise(get_registry().get(name)))


@blueprint.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """The contract, as OpenAPI 3.1."""
    read_query(get_request(), ())
    registry, settings = get_registry(), get_settings()
    return _json(
        openapi_document(
            registry.models,
            default=registry.default,
            max_patients=settings.max_patients,
            max_body_bytes=settings.max_body_bytes,
        )
    )


@blueprint.get("/")
def page() -> ResponseReturnValue:
    """The API explained to people."""
    registry, settings = get_registry(), get_settings()
    example = {variable.name: variable.example for variable in VARIABLES if variable.known == "bedside"}
    return render_template(
        "api.html",
        registry=registry,
        variables=VARIABLES,
        example=msgspec.json.encode(example).decode(),
        problems=TYPES,
        most=settings.max_patients,
        most_bytes=settings.max_body_bytes,
        most_faults=MOST_FAULTS,
        csv=CSV,
        added=ADDED_NAMES,
        missing_words=[word for word in MISSING_WORDS if word],
        fault=FAULT,
        between_faults=BETWEEN_FAULTS.strip(),
    )


@blueprint.errorhandler(RequestError)
def request_error(error: RequestError) -> ResponseReturnValue:
    """What is wrong with the request itself."""
    read_away(get_request(), get_settings().max_body_bytes)
    return problem(error.status, str(error))


def _predict_all(model: Model, rows: Iterable[Sequence[float]], options: Options) -> list[Prediction]:
    return [model.predict(row, options) for row in rows]


def _listed(predictions: list[Prediction], places: Iterable[int], faults: Iterable[FieldError]) -> PredictionList:
    return PredictionList(predictions, list(places), faulty_fields(faults))


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), mimetype=JSON)

"""The API's addresses. Each view reads the request, calls the registry and writes the answer; nothing else."""

import re
from math import nan

import msgspec
from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from heartapp.api.answers import ModelList, PredictionList, summarise
from heartapp.api.media import negotiate
from heartapp.api.openapi import contract
from heartapp.api.query import MOST_DETAILED, Query, read_query
from heartapp.api.tables import write_patients
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from heartapp.errors import MOST_FAULTS
from heartapp.inference.model import Model, Prediction
from heartapp.tables.cells import MISSING_WORDS
from heartapp.tables.columns import ADDED_NAMES
from heartapp.tables.csv_body import BETWEEN_FAULTS, FAULT
from heartapp.web.body import CSV, JSON, READ_UP_TO, read_body, read_parameters
from heartapp.web.extension import get_registry, get_request, get_services, get_settings
from heartapp.web.observe import predicted, refused, span
from heartapp.web.patients import Patients, read_csv_patients, read_json
from heartapp.web.problems import TYPES

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.post("/predict")
def predict() -> ResponseReturnValue:
    """Predict one patient (an object) or many (an array, or a table)."""
    # Flask's `request` is a proxy, which does a lookup on every access; use the request itself.
    request, services = get_request(), get_services()
    # Read first, so that a client that sends all before it reads receives any refusal.
    content = read_body(request, services.settings.max_body_bytes)
    query = read_query(request)
    model = services.registry.get(query.model)
    sent, wanted = negotiate(request)
    read = read_csv_patients if sent == CSV else read_json
    with services.queue.turn(content, detailed=query.detailed):
        with span("read"):
            patients = read(content, model, most=services.settings.max_patients, skip=query.skip)
        if patients.faults:
            refused.send(fields=[fault.field for fault in patients.faults])
        if wanted == CSV:
            return Response(write_patients(patients, model, query), mimetype=CSV)
        return _json(_predict(model, query, patients))


def _predict(model: Model, query: Query, patients: Patients) -> Prediction | PredictionList:
    query.check_count(len(patients.rows))
    with span("predict"):
        predictions = [model.predict(row, query.options) for row in patients.rows]
    predicted.send(model, answers=predictions)
    if not patients.many:
        return predictions[0]
    if not query.skip:
        return PredictionList(predictions)
    return PredictionList(predictions, list(patients.places), list(patients.faults))


@blueprint.get("/models")
def models() -> ResponseReturnValue:
    """What is served here."""
    read_parameters(get_request())
    registry = get_registry()
    return _json(ModelList(registry.default, [summarise(model) for model in registry.models]))


@blueprint.get("/models/<name>")
def model(name: str) -> ResponseReturnValue:
    """One model: its variables, performance and digests."""
    read_parameters(get_request())
    return _json(summarise(get_registry().get(name)))


@blueprint.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """The contract, as OpenAPI 3.1."""
    read_parameters(get_request())
    content = _render("openapi.json", most_detailed=MOST_DETAILED, read_up_to=READ_UP_TO, **contract(get_registry()))
    return Response(content, mimetype=JSON)


@blueprint.get("/")
def page() -> ResponseReturnValue:
    """The API explained to people, with a request and the answer that the served model gives to it."""
    registry = get_registry()
    model = None if registry.default in registry.faults else registry.get()
    example = {name: BY_NAME[name].example for name in (model.required if model else MODEL_VARIABLES["bedside"])}
    prediction = model.predict([example.get(name, nan) for name in model.names]) if model else None
    return _render(
        "api.html",
        registry=registry,
        variables=VARIABLES,
        example=_spaced(example),
        prediction=prediction,
        answer=_spaced(prediction, indent=2),
        problems=TYPES,
        csv=CSV,
    )


def _spaced(body: object, indent: int = 0) -> str:
    """JSON for people, with each innermost object or array on one line."""
    text = msgspec.json.format(msgspec.json.encode(body), indent=indent).decode()
    return re.sub(r"(?<=[{\[])[^{}\[\]]*(?=[}\]])", lambda found: " ".join(found[0].split()), text)


def _render(template: str, **more: object) -> str:
    """A text about bodies and answers, with their limits and the words in tables."""
    settings = get_settings()
    return render_template(
        template,
        most=settings.max_patients,
        most_bytes=settings.max_body_bytes,
        most_faults=MOST_FAULTS,
        added=ADDED_NAMES,
        missing_words=[word for word in MISSING_WORDS if word],
        fault=FAULT,
        between_faults=BETWEEN_FAULTS.strip(),
        **more,
    )


def _json(body: object) -> Response:
    with span("render"):
        return Response(msgspec.json.encode(body), mimetype=JSON)

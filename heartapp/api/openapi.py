"""The contract in OpenAPI 3.1, derived from the variables and from the structs that are sent."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import msgspec

from heartapp.api.answers import ModelList, ModelSummary, PredictionList
from heartapp.api.media import CSV, JSON
from heartapp.api.query import HIGHEST_THRESHOLD, HORIZON_PATTERN, LOWEST_THRESHOLD, ON_ERROR
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.curve import FIRST_DAY, LAST_DAY
from heartapp.inference.model import Prediction
from heartapp.web.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from heartapp.clinical.variables import Variable
    from heartapp.inference.model import Model

_DESCRIPTION: Final = (
    "Risk that a patient with heart failure dies within the model's horizon. It is what the model expects: 0.58 says "
    "that 58 of 100 such patients die within horizon_days, or during follow-up where that is null. For research and "
    "education, not for clinical decisions."
)
_FLAG: Final[dict[str, Any]] = {"type": "boolean", "default": False}
_TABLE: Final[dict[str, Any]] = {CSV: {"schema": {"type": "string"}}}
"""JSON Schema cannot describe the columns of a table, so the operation's description does."""


def openapi_document(models: Sequence[Model], *, default: str, max_patients: int, description: str) -> dict[str, Any]:
    """The whole document.

    Args:
        models: the served models.
        default: the model that answers by default.
        max_patients: the limit of an array or table.
        description: what to know about the bodies and answers of a prediction.
    """
    _, schemas = msgspec.json.schema_components(
        [Prediction, PredictionList, ModelSummary, ModelList, Problem], ref_template="#/components/schemas/{name}"
    )
    patients = {model.name: patient_schema(model.names, model.required) for model in models}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "heartapp",
            "version": version("heartapp"),
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/api/v1"}],
        "paths": {
            "/predict": {"post": _predict(models, default, max_patients, description)},
            "/models": {"get": _get("models", "The served models", "ModelList")},
            "/models/{name}": {
                "get": {
                    **_get("model", "One model: variables, performance, digests", "ModelSummary", 404, 503),
                    "parameters": [
                        {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
                    ],
                }
            },
            "/openapi.json": {"get": _get("openapi", "This document", None)},
        },
        "components": {
            "schemas": {**schemas, **{_schema_name(name): schema for name, schema in patients.items()}},
            "responses": {"Problem": _content("What is wrong, and what to do", "Problem", MEDIA_TYPE)},
        },
    }


def patient_schema(names: Sequence[str], required: Collection[str]) -> dict[str, Any]:
    """The JSON Schema of a patient with these variables. Those that are not required may be null."""
    return {
        "type": "object",
        "properties": {name: variable_schema(BY_NAME[name], required=name in required) for name in names},
        "required": list(required),
        "additionalProperties": False,
    }


def variable_schema(variable: Variable, *, required: bool) -> dict[str, Any]:
    """The JSON Schema of one variable."""
    described = {"title": variable.label, "description": f"{variable.help} Expected: {variable.expected}."}
    if variable.kind == "number":
        kind: dict[str, Any] = {"type": "number", "minimum": variable.low, "maximum": variable.high}
    else:
        kind = {"type": "integer", "enum": [code for code, _ in variable.choices]}
    if not required:
        kind = {"anyOf": [kind, {"type": "null"}]}
    return {**kind, **described}


def _schema_name(model: str) -> str:
    return f"{model.capitalize()}Patient"


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(description: str, schema: str | None, media_type: str = JSON) -> dict[str, Any]:
    content = _reference(schema) if schema else {"type": "object"}
    return {"description": description, "content": {media_type: {"schema": content}}}


def _problems(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": "#/components/responses/Problem"} for status in statuses}


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _get(operation: str, summary: str, schema: str | None, *problems: int) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": _content(summary, schema), **_problems(400, *problems)},
    }


def _predict(models: Sequence[Model], default: str, max_patients: int, description: str) -> dict[str, Any]:
    patients = [_reference(_schema_name(model.name)) for model in models]
    # Of the default model alone: readers and tools send an example without choosing a model.
    examples = [{one.name: one.example for one in model.variables} for model in models if model.name == default]
    return {
        "operationId": "predict",
        "summary": "Predict one patient, or many",
        "description": description,
        "parameters": [
            _parameter(
                "model",
                "The model that answers.",
                {"type": "string", "enum": [model.name for model in models], "default": default},
            ),
            _parameter(
                "threshold",
                "A risk of this or more is classified as death. The default is the model's own.",
                {"type": "number", "minimum": LOWEST_THRESHOLD, "maximum": HIGHEST_THRESHOLD},
            ),
            _parameter("survival", "Add the same risk by day 90 and 180, with the range of the refits.", _FLAG),
            _parameter(
                "horizon",
                f"Add the risk by these whole days, from {FIRST_DAY} to {LAST_DAY}, with commas between them.",
                {"type": "string", "pattern": HORIZON_PATTERN, "examples": ["90,180"]},
            ),
            _parameter("explain", "Add what each variable contributes, and values that would change the class.", _FLAG),
            _parameter("instability", "Add how the risk differs between refits on bootstrap samples.", _FLAG),
            _parameter(
                "on_error",
                "What to do with an array or table that holds faulty patients: refuse it, or skip them.",
                {"type": "string", "enum": list(ON_ERROR), "default": ON_ERROR[0]},
            ),
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": {
                        "oneOf": [
                            *patients,
                            {"type": "array", "maxItems": max_patients, "items": {"oneOf": patients}},
                        ],
                        "examples": examples,
                    }
                },
                **_TABLE,
            },
        },
        "responses": {
            "200": {
                "description": "The prediction or predictions",
                "content": {
                    JSON: {"schema": {"oneOf": [_reference("Prediction"), _reference("PredictionList")]}},
                    **_TABLE,
                },
            },
            **_problems(400, 404, 406, 413, 415, 422, 503),
        },
    }

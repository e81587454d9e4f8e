"""The contract in OpenAPI 3.1, derived from the variables and from the structs that are sent."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import msgspec

from heartapp.api.summary import ModelSummary
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.model import Prediction
from heartapp.web.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from heartapp.clinical.variables import Variable

_DESCRIPTION: Final = (
    "Risk that a patient with heart failure dies during follow-up. For research and education, not for clinical "
    "decisions."
)


class PredictionList(msgspec.Struct):
    """The answer to an array: one prediction a patient, in the order they were sent."""

    predictions: list[Prediction]


class ModelList(msgspec.Struct):
    """What is served, and which model answers where none is named."""

    default: str
    models: list[ModelSummary]


class FaultyField(msgspec.Struct, omit_defaults=True):
    """One faulty field. ``row`` counts from 0 and is there when an array was sent."""

    field: str
    message: str
    row: int | None = None


class Problem(msgspec.Struct, omit_defaults=True):
    """RFC 9457 problem details. ``errors`` lists every faulty field at once."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FaultyField] = []


def openapi_document(models: Mapping[str, Sequence[str]], *, default: str, max_patients: int) -> dict[str, Any]:
    """The whole document.

    Args:
        models: the names of each served model's variables, by the model's name.
        default: the model that answers where none is named.
        max_patients: the most patients in one array.
    """
    _, schemas = msgspec.json.schema_components(
        [Prediction, PredictionList, ModelSummary, ModelList, Problem], ref_template="#/components/schemas/{name}"
    )
    patients = {name: patient_schema(names) for name, names in models.items()}
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
            "/predict": {"post": _predict(list(patients), default, max_patients)},
            "/models": {"get": _get("models", "What is served here", "ModelList")},
            "/models/{name}": {
                "get": {
                    **_get("model", "One model: variables, performance, digests", "ModelSummary", 404, 503),
                    "parameters": [
                        {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
                    ],
                }
            },
            "/openapi.json": {"get": {**_get("openapi", "This document", None)}},
        },
        "components": {
            "schemas": {**schemas, **{_schema_name(name): schema for name, schema in patients.items()}},
            "responses": {"Problem": _content("What is wrong, and how to mend it", "Problem", MEDIA_TYPE)},
        },
    }


def patient_schema(names: Sequence[str]) -> dict[str, Any]:
    """The JSON Schema of a patient for a model that takes these variables, all of them required."""
    return {
        "type": "object",
        "properties": {name: variable_schema(BY_NAME[name]) for name in names},
        "required": list(names),
        "additionalProperties": False,
        "examples": [{name: BY_NAME[name].example for name in names}],
    }


def variable_schema(variable: Variable) -> dict[str, Any]:
    """The JSON Schema of one variable."""
    described = {"title": variable.label, "description": f"{variable.help} Expected: {variable.expected}."}
    if variable.kind == "number":
        return {"type": "number", "minimum": variable.low, "maximum": variable.high, **described}
    return {"type": "integer", "enum": [code for code, _ in variable.choices], **described}


def _schema_name(model: str) -> str:
    return f"{model.capitalize()}Patient"


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(description: str, schema: str | None, media_type: str = "application/json") -> dict[str, Any]:
    content = _reference(schema) if schema else {"type": "object"}
    return {"description": description, "content": {media_type: {"schema": content}}}


def _problems(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": "#/components/responses/Problem"} for status in statuses}


def _get(operation: str, summary: str, schema: str | None, *problems: int) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": _content(summary, schema), **_problems(400, *problems)},
    }


def _predict(models: list[str], default: str, max_patients: int) -> dict[str, Any]:
    patients = [_reference(_schema_name(name)) for name in models]
    return {
        "operationId": "predict",
        "summary": "Predict one patient, or many",
        "description": "An object is answered with a prediction, an array with a list of them in the same order.",
        "parameters": [
            {
                "name": "model",
                "in": "query",
                "description": "Which model answers. followup needs the follow-up time, known only afterwards.",
                "schema": {"type": "string", "enum": models, "default": default},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            *patients,
                            {"type": "array", "maxItems": max_patients, "items": {"oneOf": patients}},
                        ]
                    }
                }
            },
        },
        "responses": {
            "200": {
                "description": "What the model says",
                "content": {
                    "application/json": {"schema": {"oneOf": [_reference("Prediction"), _reference("PredictionList")]}}
                },
            },
            **_problems(400, 404, 413, 415, 422, 503),
        },
    }

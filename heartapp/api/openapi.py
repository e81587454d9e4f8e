"""What the contract in OpenAPI 3.1 derives from the variables and from the structs that are sent.

The document itself is the template ``openapi.json``.
"""

from collections.abc import Collection, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from heartapp.api.answers import ModelList, ModelSummary, PredictionList
from heartapp.api.query import HIGHEST_THRESHOLD, HORIZON_PATTERN, LOWEST_THRESHOLD
from heartapp.clinical.variables import BY_NAME, Variable
from heartapp.inference.curve import FIRST_DAY, LAST_DAY
from heartapp.inference.model import Prediction
from heartapp.inference.registry import ModelRegistry
from heartapp.web.problems import Problem


def contract(registry: ModelRegistry) -> dict[str, Any]:
    """What the template is given: models, limits, and the JSON of examples and schemas."""
    _, schemas = msgspec.json.schema_components(
        [Prediction, PredictionList, ModelSummary, ModelList, Problem], ref_template="#/components/schemas/{name}"
    )
    models = registry.models
    patients = {f"{model.name.capitalize()}Patient": patient_schema(model.names, model.required) for model in models}
    # Of the default model alone: readers and tools send an example without choosing a model.
    defaults = [model for model in models if model.name == registry.default]
    return {
        "version": version("heartapp"),
        "models": models,
        "default": registry.default,
        "examples": _json([{one.name: one.example for one in model.variables} for model in defaults]),
        "lowest_threshold": LOWEST_THRESHOLD,
        "highest_threshold": HIGHEST_THRESHOLD,
        "horizon_pattern": HORIZON_PATTERN,
        "first_day": FIRST_DAY,
        "last_day": LAST_DAY,
        "schemas": _json({**schemas, **patients}),
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


def _json(value: object) -> str:
    """JSON with its keys in the given order, which Jinja's ``tojson`` would sort."""
    return msgspec.json.encode(value).decode()

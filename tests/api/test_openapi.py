from collections.abc import Iterator
from typing import Any

import pytest
from flask import Request
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types
from werkzeug.test import EnvironBuilder

from heartapp.api.media import MEDIA_TYPES
from heartapp.api.openapi import patient_schema, variable_schema
from heartapp.api.query import PARAMETERS, read_query
from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES, Variable
from heartapp.inference.model import Options
from heartapp.web.problems import RequestError
from tests.client import example, make_app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    document: dict[str, Any] = make_app(max_patients=7).test_client().get("/api/v1/openapi.json").get_json()
    return document


def accepts(schema: dict[str, Any], instance: object) -> bool:
    return bool(Draft202012Validator(schema).is_valid(instance))


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_variables_schema_allows_what_the_variable_allows(variable: Variable) -> None:
    for required in (True, False):
        schema = variable_schema(variable, required=required)
        Draft202012Validator.check_schema(schema)
        step = (variable.high - variable.low) / 7
        for value in (variable.low, variable.high, variable.low + step, variable.low - step, variable.high + step):
            assert accepts(schema, value) == variable.allows(value), value
        for stranger in (True, str(variable.example), [variable.example]):
            assert not accepts(schema, stranger)
        assert accepts(schema, None) is not required


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_a_patients_schema_demands_what_is_required_and_allows_the_models_variables_alone(model: str) -> None:
    patient, required = example(model), ("age", "sex")
    schema = patient_schema(MODEL_VARIABLES[model], required)
    Draft202012Validator.check_schema(schema)
    assert accepts(schema, patient)
    assert not accepts(schema, {**patient, "name": 1})
    for name in patient:
        absent = {key: value for key, value in patient.items() if key != name}
        assert accepts(schema, absent) == accepts(schema, {**patient, name: None}) == (name not in required)


def parameters(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one["schema"] for one in document["paths"]["/predict"]["post"]["parameters"]}


def test_every_query_parameter_that_is_read_is_in_the_contract(document: dict[str, Any]) -> None:
    assert tuple(parameters(document)) == PARAMETERS
    for one in document["paths"]["/predict"]["post"]["parameters"]:
        assert (one["in"], one.get("required", False)) == ("query", False)
        assert one["description"]
        Draft202012Validator.check_schema(one["schema"])


def test_a_parameter_s_schema_allows_what_is_read_and_no_more(document: dict[str, Any]) -> None:
    schemas = parameters(document)

    def agree(name: str, text: str, instance: object) -> None:
        try:
            query = Request(EnvironBuilder(query_string={name: text}).get_environ())
            read = isinstance(read_query(query).options, Options)
        except RequestError:
            read = False
        assert read == accepts(schemas[name], instance), (name, text)

    for threshold in (-1, 0, 0.009, 0.01, 0.32, 0.99, 0.991, 1, 2):
        agree("threshold", repr(threshold), threshold)
    for flag in ("survival", "explain", "instability"):
        for text, value in (("true", True), ("false", False), ("1", "1")):
            agree(flag, text, value)
    for days in ("90,180", "180,30,30", "", "90,", "a", "90 180", "-90", "90.5", "00", *map(str, range(200))):
        agree("horizon", days, days)
    agree("threshold", "a", "a")


def test_everything_that_is_referred_to_is_there_and_is_a_schema(document: dict[str, Any]) -> None:
    used = set(references(document))
    for reference in used:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert f"#/components/schemas/{name}" in used


def test_the_document_has_the_models_the_limit_and_both_media_types(document: dict[str, Any]) -> None:
    operation = document["paths"]["/predict"]["post"]
    parameter = operation["parameters"][0]["schema"]
    assert parameter == {"type": "string", "enum": list(MODEL_VARIABLES), "default": "bedside"}
    array = operation["requestBody"]["content"]["application/json"]["schema"]["oneOf"][-1]
    assert (array["type"], array["maxItems"]) == ("array", 7)
    for body in (operation["requestBody"], operation["responses"]["200"]):
        assert tuple(body["content"]) == MEDIA_TYPES
    assert "up to 7 patients" in operation["description"]


def test_the_outcome_is_never_called_anything_but_death(document: dict[str, Any]) -> None:
    assert "dies" in document["info"]["description"]
    assert "research and education" in document["info"]["description"]
    assert "heart attack" not in str(document)

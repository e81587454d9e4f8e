from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types

from heartapp.api.openapi import openapi_document, patient_schema, variable_schema
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from tests.client import example

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heartapp.clinical.variables import Variable

DOCUMENT = openapi_document(MODEL_VARIABLES, default="bedside", max_patients=7)


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
    schema = variable_schema(variable)
    Draft202012Validator.check_schema(schema)
    step = (variable.high - variable.low) / 7
    for value in (variable.low, variable.high, variable.low + step, variable.low - step, variable.high + step):
        assert accepts(schema, value) == variable.allows(value), value
    for stranger in (True, None, str(variable.example), [variable.example]):
        assert not accepts(schema, stranger)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_variables_schema_tells_a_reader_what_is_meant(variable: Variable) -> None:
    schema = variable_schema(variable)
    assert schema["title"] == variable.label
    assert variable.help in schema["description"]
    assert variable.expected in schema["description"]


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_a_patients_schema_demands_the_models_variables_and_nothing_else(model: str) -> None:
    schema, patient = patient_schema(MODEL_VARIABLES[model]), example(model)
    Draft202012Validator.check_schema(schema)
    assert accepts(schema, patient)
    assert schema["examples"] == [patient]
    assert not accepts(schema, {**patient, "name": 1})
    for name in patient:
        assert not accepts(schema, {key: value for key, value in patient.items() if key != name})


def test_each_model_has_a_patient_of_its_own() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for model, names in MODEL_VARIABLES.items():
        assert schemas[f"{model.capitalize()}Patient"] == patient_schema(names)


def test_everything_that_is_referred_to_is_there_and_is_a_schema() -> None:
    used = set(references(DOCUMENT))
    for reference in used:
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert f"#/components/schemas/{name}" in used


def test_the_document_tells_the_default_model_the_choices_and_the_limit() -> None:
    operation = DOCUMENT["paths"]["/predict"]["post"]
    parameter = operation["parameters"][0]["schema"]
    assert parameter == {"type": "string", "enum": list(MODEL_VARIABLES), "default": "bedside"}
    array = operation["requestBody"]["content"]["application/json"]["schema"]["oneOf"][-1]
    assert (array["type"], array["maxItems"]) == ("array", 7)


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_the_outcome_is_never_called_anything_but_death() -> None:
    assert DOCUMENT["info"]["description"].startswith("Risk that a patient with heart failure dies during follow-up.")
    assert "research and education" in DOCUMENT["info"]["description"]
    assert "heart attack" not in str(DOCUMENT)


def test_only_the_follow_up_model_asks_for_what_is_known_afterwards() -> None:
    afterwards = {name for name, variable in BY_NAME.items() if variable.known == "afterwards"}
    assert afterwards.isdisjoint(DOCUMENT["components"]["schemas"]["BedsidePatient"]["properties"])
    assert afterwards <= set(DOCUMENT["components"]["schemas"]["FollowupPatient"]["properties"])

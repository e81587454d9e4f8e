"""Schemathesis reads the contract and tries what it allows and what it does not."""

from typing import Any, TypeAlias

import pytest
import schemathesis
from flask import Flask
from hypothesis import given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def operations(app: Flask) -> dict[str, Operation]:
    """What the contract offers, by method and path. Schemathesis leaves out the address of the contract itself."""
    contract = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    found = [result.ok() for result in contract.get_all_operations() if isinstance(result, Ok)]
    return {operation.label: operation for operation in found}


def statuses(operation: Operation, mode: GenerationMode) -> set[int]:
    """The statuses met; every answer was held against the contract. The examples are the same each time."""
    met = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=60, derandomize=True)
    def check(case: Case[Any]) -> None:
        status = case.call_and_validate(checks=CHECKS).status_code
        if status == 200 and case.query.get("on_error") == "skip":
            return  # faulty patients are left out, as the contract says
        met.add(status)

    check()
    return met


def test_the_contract_offers_what_there_is(operations: dict[str, Operation]) -> None:
    assert set(operations) == {"POST /predict", "GET /models", "GET /models/{name}"}


def test_what_the_contract_allows_is_answered_as_it_says(operations: dict[str, Operation]) -> None:
    assert 200 in statuses(operations["POST /predict"], GenerationMode.POSITIVE)
    assert statuses(operations["GET /models"], GenerationMode.POSITIVE) == {200}
    assert 404 in statuses(operations["GET /models/{name}"], GenerationMode.POSITIVE)


def test_what_the_contract_does_not_allow_is_refused_as_it_says(operations: dict[str, Operation]) -> None:
    met = statuses(operations["POST /predict"], GenerationMode.NEGATIVE)
    assert met
    assert met <= {400, 404, 413, 415, 422}

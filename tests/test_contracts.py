"""What a person at the form, a program and a reader of the contract are told is one and the same."""

import json
import logging
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from heartapp.api.query import MOST_DETAILED
from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES
from heartapp.ui.forms import OPTIONS
from heartapp.ui.rounding import nonzero
from heartapp.web.body import JSON
from heartapp.web.extension import get_registry
from tests.client import (
    PROBLEM,
    Page,
    addresses,
    damaged_copy,
    entries,
    example,
    form_page,
    make_app,
    submit,
)

NAMES = [variable.name for variable in VARIABLES]
PREDICT = "/api/v1/predict"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATIENTS = {"bedside": 500, "followup": 100}
"""Each with everything that the page shows, without JavaScript; every fourth with it too."""
EVERY_MODEL = pytest.mark.parametrize("model", MODEL_VARIABLES)


@pytest.fixture(scope="module")
def contract(app: Flask) -> dict[str, Any]:
    """The OpenAPI document as it is served."""
    document: dict[str, Any] = json.loads(app.test_client().get("/api/v1/openapi.json").data)
    return document


# Declared once


def test_the_forms_fields_are_the_variables_and_the_model(client: FlaskClient) -> None:
    names = {field.attrib["name"] for field in form_page(client, "/?model=followup").all("form//input")}
    names |= {field.attrib["name"] for field in form_page(client).all("form//input")}
    assert names == {*NAMES, *(option.name for option in OPTIONS), "model", "kept"}


@EVERY_MODEL
def test_form_json_contract_and_bundle_ask_for_the_same_variables(
    app: Flask, client: FlaskClient, contract: dict[str, Any], model: str
) -> None:
    manifest = get_registry(app).get(model).bundle.manifest
    assert list(manifest.variable_names) == list(MODEL_VARIABLES[model])
    needed = list(manifest.required)
    problem = json.loads(client.post(f"{PREDICT}?model={model}", json={}).data)
    assert [error["field"] for error in problem["errors"]] == needed
    schema = contract["components"]["schemas"][f"{model.capitalize()}Patient"]
    assert list(schema["properties"]) == list(manifest.variable_names)
    assert schema["required"] == needed
    page = Page(submit(client, {"model": model}).text)
    told = [link.attrib["href"][1:].removesuffix("-0") for link in page.ids["summary"].iter("a")]
    assert sorted(told) == sorted(needed)


def test_label_unit_and_limits_are_the_same_wherever_they_are_told(
    client: FlaskClient, contract: dict[str, Any]
) -> None:
    page = form_page(client, "/?model=followup")
    served = json.loads(client.get("/api/v1/models/followup").data)["variables"]
    schema = contract["components"]["schemas"]["FollowupPatient"]["properties"]
    for variable, told in zip(VARIABLES, served, strict=True):
        name = variable.name
        assert told["label"] == schema[name]["title"] == variable.label
        assert told["unit"] == variable.unit
        assert told["allowed"] == [variable.low, variable.high]
        kind = schema[name].get("anyOf", [schema[name]])[0]
        if variable.kind == "number":
            assert (kind["minimum"], kind["maximum"]) == (variable.low, variable.high)
            units = page.all(f"select[@id='{name}_unit']/option") or [page.ids[f"{name}-unit"]]
            assert units[0].text == variable.unit
            assert page.all(f"label[@for='{name}']")[0].text == variable.label
        else:
            assert kind["enum"] == [code for code, _ in variable.choices]
            assert page.ids[f"{name}-label"].text == variable.label


# Routes and operations


def test_every_route_for_programs_is_in_the_contract_and_the_other_way_round(
    app: Flask, contract: dict[str, Any]
) -> None:
    (server,) = contract["servers"]
    described = {
        (method.upper(), server["url"] + path) for path, methods in contract["paths"].items() for method in methods
    }
    routed = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.page"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == routed


def check_documented(contract: dict[str, Any], path: str, method: str, response: TestResponse) -> int:
    """The answer's status, after checking that status, media type and body are as the contract says."""
    responses = contract["paths"][path][method]["responses"]
    assert str(response.status_code) in responses, response.text
    described = responses[str(response.status_code)]
    if "$ref" in described:
        described = contract["components"]["responses"][described["$ref"].rpartition("/")[2]]
    assert response.mimetype in described["content"]
    schema = {**described["content"][response.mimetype]["schema"], "components": contract["components"]}
    jsonschema_rs.validator_for(schema).validate(json.loads(response.data))
    return response.status_code


def test_every_status_that_the_contract_names_is_met_and_looks_as_it_says(
    contract: dict[str, Any], tmp_path: Path
) -> None:
    clients = [
        make_app(max_patients=2).test_client(),
        make_app(models=str(damaged_copy(tmp_path / "models", "followup"))).test_client(),
    ]
    patient, followup = json.dumps(example()), json.dumps(example("followup"))
    requests = [("", body, JSON) for body in (patient, f"[{patient},{patient}]", "{}", "[1]", "{", "[{},{},{}]")]
    requests += [("", "{}", "text/plain"), ("", "age\n300\n", "text/csv"), ("?model=followup", followup, JSON)]
    requests += [("?model=none", patient, JSON), ("?x=1", patient, JSON)]
    met: set[tuple[str, int]] = set()
    for client in clients:
        responses = [client.post(PREDICT + query, data=body, content_type=kind) for query, body, kind in requests]
        responses.append(client.post(PREDICT, json=example(), headers={"Accept": "image/png"}))
        met |= {("/predict", check_documented(contract, "/predict", "post", response)) for response in responses}
        for address in ("/models", "/models/bedside", "/models/followup", "/models/none", "/openapi.json"):
            path = re.sub("/models/.*", "/models/{name}", address)
            responses = [client.get(f"/api/v1{address}{query}") for query in ("", "?x=1")]
            met |= {(path, check_documented(contract, path, "get", response)) for response in responses}
    named = {
        (path, int(status))
        for path, methods in contract["paths"].items()
        for operation in methods.values()
        for status in operation["responses"]
    }
    assert met == named


def test_what_the_contract_gives_as_an_example_is_predicted(client: FlaskClient, contract: dict[str, Any]) -> None:
    (patient,) = contract["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"][
        "examples"
    ]
    assert client.post(PREDICT, json=patient).status_code == 200


def test_whatever_goes_wrong_for_a_program_is_a_problem_and_never_a_page(app: Flask, client: FlaskClient) -> None:
    routes = [address for endpoint, address in addresses(app) if endpoint.startswith("api.")]
    for address in (*routes, "/api/", "/api/v2/predict", "/api/v1/predict/"):
        for method in METHODS:
            response = client.open(address, method=method)
            assert response.status_code < 400 or response.mimetype == PROBLEM, (method, address)


def test_whatever_goes_wrong_in_a_protocol_is_its_own_error(app: Flask, client: FlaskClient) -> None:
    keys = {"oip": {"error"}, "mlflow": {"error_code", "message"}}
    routes = [(endpoint.partition(".")[0], address) for endpoint, address in addresses(app)]
    asked = [(name, address) for name, address in [*routes, ("oip", "/v2/"), ("oip", "/v2/none")] if name in keys]
    assert {name for name, _ in asked} == {*keys}
    for name, address in asked:
        for method in METHODS:
            response = client.open(address, method=method)
            assert response.status_code < 400 or json.loads(response.data).keys() == keys[name], (method, address)


# Parity


def page_numbers(response: TestResponse) -> list[float]:
    """Every number of an answer's page but the regression's, in rising order: where each stands is its own affair."""
    assert response.status_code == 200
    values = re.findall(r'<data (?!id="regression")[^>]*\bvalue="([^"]*)"', response.text)
    return sorted(map(float, values))


def api_numbers(prediction: dict[str, Any], days: Iterable[int]) -> list[float]:
    """The same numbers of the API's answer."""
    explanation = prediction["explanation"]
    numbers = [prediction[key] for key in ("death_event", "risk", "base_rate", "threshold")]
    numbers += [vote[key] for vote in prediction["votes"] for key in ("probability", "vote")]
    numbers += [explanation["reference_risk"]]
    numbers += [part["contribution"] for part in explanation["contributions"] if nonzero(part["contribution"])]
    numbers += [point["value"] for point in prediction["turning_points"]]
    if "survival" in prediction:
        curve, instability = prediction["survival"], prediction["instability"]
        numbers += [instability[key] for key in ("low", "high", "flips", "refits")]
        indices = [curve["horizon_days"].index(day) for day in days]
        numbers += [curve[key][index] for index in indices for key in ("risk", "low", "high")]
    return sorted(numbers)


def answers(client: FlaskClient, model: str, patients: Sequence[object], query: str) -> Iterator[dict[str, Any]]:
    """The API's answers, asked for as many at a time as may be asked for in detail."""
    for start in range(0, len(patients), MOST_DETAILED):
        some = patients[start : start + MOST_DETAILED]
        response = client.post(f"{PREDICT}?model={model}&explain=true{query}", json=some)
        assert response.status_code == 200, response.text
        yield from json.loads(response.data)["predictions"]


@EVERY_MODEL
def test_page_page_without_javascript_and_api_give_the_same_numbers(
    app: Flask, client: FlaskClient, random_patients: Callable[[Sequence[str], int], list[list[float]]], model: str
) -> None:
    served = get_registry(app).get(model)
    rows = random_patients(served.names, PATIENTS[model])
    generator = random.Random(0)  # noqa: S311 - it guards nothing
    may_miss = set(served.names) - set(served.required)
    patients = [
        {
            name: value
            for name, value in zip(served.names, row, strict=True)
            if name not in may_miss or generator.random() < 0.7
        }
        for row in rows
    ]
    used = served.bundle.manifest.used
    verdicts, missing = set(), set()
    for part, (threshold, day) in enumerate(((None, None), (20, 47), (50, 180), (73, 90))):
        ours = patients[part::4]
        days = sorted({*served.default_days, *([] if day is None else [day])})
        query = f"&threshold={threshold / 100}" if threshold else ""
        query += f"&instability=true&horizon={','.join(map(str, days))}" if served.curve else ""
        options = {"threshold": str(threshold or ""), "horizon": str(day or "")}
        for index, (patient, prediction) in enumerate(zip(ours, answers(client, model, ours, query), strict=True)):
            wanted = api_numbers(prediction, days)
            typed = {**entries(model, patient), **options}
            html = submit(client, typed)
            assert page_numbers(html) == wanted
            if index % 4 == 0:
                assert page_numbers(submit(client, typed, htmx=True)) == wanted
            assert prediction["missing"] == [name for name in served.names if name not in patient]
            assert ('id="missing"' in html.text) is any(name in used for name in prediction["missing"])
            verdicts.add(prediction["death_event"])
            missing |= set(prediction["missing"])
    assert verdicts == {0, 1}
    assert missing == may_miss


# What is written down


def test_no_log_line_holds_a_value_of_a_patient(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = "61.946283", "7194628.3"
    post = partial(client.post, PREDICT)
    session: list[Callable[[], TestResponse]] = [
        partial(client.get, f"/?example=1&age={good}"),
        partial(client.get, f"/none/{bad}?age={good}"),
        partial(client.get, f"/models/{bad}"),
        partial(client.put, "/predict", data={"age": good}),
        partial(client.post, "/predict", data={"age": "6" * 70_000 + bad}),
        partial(post, data=f'{{"age": {bad}', content_type="application/json"),
        partial(post, data=good, content_type="text/plain"),
        partial(post, query_string={"model": bad}, json=example()),
        partial(post, query_string={"age": good}, json=example()),
    ]
    for age in (good, bad):
        typed = {**entries(), "age": age}
        session += [
            partial(submit, client, typed),
            partial(submit, client, typed, htmx=True),
            partial(post, json={**example(), "age": float(age)}),
            partial(post, json=[{**example(), "age": age}]),
            partial(post, json={**example(), age: age}),
            partial(client.post, f"/v2/models/{age}/infer", json={"inputs": []}),
            partial(client.post, f"/v2/models/bedside/infer?age={age}", json={age: age}),
            partial(client.post, "/v2/models/bedside/infer", json={"id": age, "inputs": [{"name": age, "shape": []}]}),
            partial(client.post, "/invocations", json={"dataframe_records": [{**example(), "age": float(age)}]}),
            partial(client.post, "/invocations", data=f"age\n{age}\n", content_type="text/csv"),
        ]
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("tests").debug("the log is read")
        statuses = {step().status_code for step in session}
    assert statuses == {200, 400, 404, 405, 413, 415, 422}
    assert "the log is read" in caplog.text
    assert not [value for value in (good, bad, good.partition(".")[2], "7194628") if value in caplog.text]

"""MLflow's scoring protocol."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from heartapp.inference.served import read_served
from heartapp.tables.cells import spell
from heartapp.tables.columns import ADDED_NAMES
from tests.client import SHIPPED, damaged_copy, example, make_app
from tests.protocols.conftest import Cohort

SENTINEL = "61946283"


def predictions(response: TestResponse) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    body: dict[str, list[dict[str, Any]]] = json.loads(response.data)
    assert list(body) == ["predictions"]
    return body["predictions"]


def message(response: TestResponse, status: int = 400, code: str = "BAD_REQUEST") -> str:
    assert (response.status_code, response.mimetype) == (status, "application/json"), response.text
    body = json.loads(response.data)
    assert (list(body), body["error_code"]) == (["error_code", "message"], code)
    return str(body["message"])


def test_all_forms_give_the_numbers_of_the_api(client: FlaskClient, cohort: Cohort) -> None:
    records, columns = cohort.records, [*cohort.names]
    rows = [[*record.values()] for record in records]
    text = io.StringIO()
    csv.writer(text).writerows([columns, *[[spell(value) for value in row] for row in cohort.values.tolist()]])
    address = f"/invocations?model={cohort.model}"
    bodies: list[dict[str, Any]] = [
        {"dataframe_split": {"columns": columns, "data": rows, "index": [*range(len(rows))]}, "params": {}},
        {"dataframe_records": records},
        {"instances": records, "params": None},
        {"instances": rows},
        {"inputs": dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))},
        {"inputs": rows},
    ]
    answers = [predictions(client.post(address, json=body)) for body in bodies]
    answers.append(predictions(client.post(address, data=text.getvalue(), content_type="text/csv; charset=utf-8")))
    told = cohort.outputs
    wanted = zip(told["risk"], told["death_event"], told["probabilities"], told["votes"], told["cautions"], strict=True)
    (label,) = {one["model"] for one in answers[0]}
    assert label.startswith(f"{cohort.model}/{read_served(SHIPPED)[cohort.model]}/")
    expected = [
        dict(zip(ADDED_NAMES, (risk, died, *members, *votes, cautions, label), strict=True))
        for risk, died, members, votes, cautions in wanted
    ]
    for answer in answers:
        assert answer == expected


def test_the_default_model_answers_and_nan_is_missing(client: FlaskClient) -> None:
    body = json.dumps({"dataframe_records": [{**example(), "smoking": float("nan")}]})
    (one,) = predictions(client.post("/invocations", data=body, content_type="application/json"))
    assert one["model"].startswith("bedside/")
    nobodies: tuple[dict[str, Any], ...] = (
        {"instances": []},
        {"inputs": {}},
        {"dataframe_split": {"columns": ["age"], "data": []}},
    )
    for nobody in nobodies:
        assert predictions(client.post("/invocations", json=nobody)) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "exactly one of"),
        ({"instances": [], "inputs": []}, "exactly one of"),
        ({"instances": 3}, "`$.instances`"),
        ({SENTINEL: 3}, "unknown field."),
        ({"instances": [], "params": {"threshold": 0.5}}, "`$.params`"),
        ({"dataframe_split": {"columns": ["age", "age"], "data": []}}, "more than once"),
        ({"dataframe_split": {"columns": ["age"], "data": [[1], [2, 3]]}}, "row 1: has 2 cells, the header has 1"),
        ({"instances": [[1, 2]]}, "row 0: has 2 cells"),
        ({"instances": [[*example().values()], 3]}, "row 1: has 0 cells"),
        ({"instances": [3]}, "row 0: must be a JSON object"),
        ({"inputs": {"age": [62], "sex": []}}, "the same length"),
        ({"instances": [{**example(), "age": int(SENTINEL)}, {}]}, "age, row 0: must be a number from 18 to 110 years"),
        ({"instances": [{**example(), "age": int(SENTINEL)}, {}]}, "age, row 1: is missing"),
        ({"instances": [{**example(), "weight": 80}]}, "weight, row 0: is not a variable"),
    ],
)
def test_faults_are_told_with_their_place_and_without_a_value(
    client: FlaskClient, body: dict[str, Any], reason: str
) -> None:
    told = message(client.post("/invocations", json=body))
    assert reason in told
    assert SENTINEL not in told


def test_faulty_csv_is_refused(client: FlaskClient) -> None:
    for body, reason in (("age\n62\n", "serum_creatinine: is missing"), ("", "is empty")):
        assert reason in message(client.post("/invocations", data=body, content_type="text/csv"))


def test_limits_and_media_types_are_those_of_the_api(client: FlaskClient) -> None:
    small = make_app(max_patients=1, max_body_bytes=1_024).test_client()
    assert "at most 1" in message(small.post("/invocations", json={"instances": [{}, {}]}), 413)
    assert "1,024 bytes" in message(small.post("/invocations", data=b" " * 1_025), 413)
    assert "text/csv" in message(client.post("/invocations", data=b"{}", content_type="text/plain"), 415)
    assert "bedside" in message(client.post("/invocations?model=none", json={"instances": []}), 404)
    assert "allowed here: model" in message(client.post("/invocations?x=1", json={"instances": []}))
    assert message(client.get("/invocations"), 405)


def test_the_probes_of_mlflow_are_answered(client: FlaskClient, tmp_path: Path) -> None:
    assert client.get("/ping").status_code == 200
    assert client.get("/version").text == json.loads(client.get("/v2").data)["version"]
    broken = make_app(models=str(damaged_copy(tmp_path / "models", "bedside"))).test_client()
    assert "bedside" in message(broken.get("/ping"), 503, "TEMPORARILY_UNAVAILABLE")

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from heartapp.api.answers import PredictionList
from heartapp.clinical.numbers import of_hundred
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.errors import MOST_FAULTS
from heartapp.inference.model import Model, Options, Prediction
from heartapp.web.extension import get_registry
from heartapp.web.problems import Problem
from tests.client import PROBLEM, Page, damaged_copy, example, make_app, problem_of

PREDICT = "/api/v1/predict"
SENTINEL = "61946283"
SENTINELS = [int(SENTINEL), float(SENTINEL + ".5"), SENTINEL, "x" + SENTINEL, [int(SENTINEL)], {"a": SENTINEL}]


def post(client: FlaskClient, body: bytes, query: str = "") -> TestResponse:
    return client.post(f"{PREDICT}{query}", data=body, content_type="application/json")


def faulty(response: TestResponse) -> list[tuple[str, int | None]]:
    return [(error["field"], error.get("row")) for error in problem_of(response, 422)["errors"]]


def check_answer(response: TestResponse) -> None:
    """Whatever was sent: a prediction of the contract's shape, or a problem that is the client's."""
    if response.status_code == 200:
        assert response.mimetype == "application/json"
        wanted = PredictionList if "predictions" in json.loads(response.data) else Prediction
        msgspec.json.decode(response.data, type=wanted)
    else:
        assert response.status_code in {400, 413, 415, 422}
        assert response.mimetype == PROBLEM
        msgspec.json.decode(response.data, type=Problem)


def test_without_a_model_the_default_one_answers() -> None:
    client = make_app(default_model="followup").test_client()
    assert json.loads(client.post(PREDICT, json=example("followup")).data)["model"]["name"] == "followup"


def test_an_array_is_answered_in_its_order(
    client: FlaskClient, random_patients: Callable[[Sequence[str], int], list[list[float]]]
) -> None:
    names = MODEL_VARIABLES["bedside"]
    patients = [dict(zip(names, row, strict=True)) for row in random_patients(names, 50)]
    together = json.loads(client.post(PREDICT, json=patients).data)
    assert set(together) == {"predictions"}
    assert together["predictions"] == [json.loads(client.post(PREDICT, json=one).data) for one in patients]


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_null_is_the_same_as_absent_and_the_answer_says_what_was_missing(
    app: Flask, client: FlaskClient, model: str
) -> None:
    served = get_registry(app).get(model)
    patient = example(model)
    optional = [name for name in served.names if name not in served.required]
    assert optional
    for gone in (*([one] for one in optional), optional):
        check_missing(client, served, patient, gone)


def check_missing(client: FlaskClient, model: Model, patient: dict[str, float], gone: list[str]) -> None:
    query = f"{PREDICT}?model={model.name}&explain=true"
    absent = client.post(query, json={name: value for name, value in patient.items() if name not in gone})
    null = client.post(query, json={**patient, **dict.fromkeys(gone)})
    assert absent.status_code == 200
    assert absent.data == null.data
    body = json.loads(absent.data)
    assert body["missing"] == gone
    values = {one["field"]: one["value"] for one in body["explanation"]["contributions"]}
    assert values == {name: None if name in gone else patient[name] for name in model.bundle.manifest.used}
    assert not {point["field"] for point in body["turning_points"]} & set(gone)


def test_each_detail_is_there_when_it_is_asked_for_and_is_what_the_model_says(app: Flask, client: FlaskClient) -> None:
    model, patient = get_registry(app).get("bedside"), example()
    plain = set(json.loads(client.post(PREDICT, json=patient).data))
    for query, options, more in (
        ("survival=true", Options(horizons=(90, 180)), {"survival"}),
        ("survival=false", Options(), set()),
        ("horizon=60", Options(horizons=(60,)), {"survival"}),
        ("survival=true&horizon=180,30,30", Options(horizons=(180, 30, 30)), {"survival"}),
        ("explain=true", Options(explain=True), {"explanation", "turning_points"}),
        ("explain=false&threshold=0.2", Options(threshold=0.2), set()),
        ("instability=true", Options(instability=True), {"instability"}),
    ):
        for body, many in ((patient, False), ([patient, patient], True)):
            response = client.post(f"{PREDICT}?{query}", json=body)
            assert response.status_code == 200, query
            answers = json.loads(response.data)["predictions"] if many else [json.loads(response.data)]
            for answer in answers:
                assert set(answer) - plain == more
                assert msgspec.convert(answer, Prediction) == model.predict(list(patient.values()), options)


def test_on_request_faulty_patients_of_an_array_are_left_out_and_named(client: FlaskClient) -> None:
    good = example()
    sent = [{**good, "age": 300}, good, 7, {**good, "sex": 2, "hight": 1}, {**good, "age": 80}]
    answer = client.post(f"{PREDICT}?on_error=skip", json=sent).json
    assert answer is not None
    assert answer["rows"] == [1, 4]
    assert answer["predictions"] == [client.post(PREDICT, json=sent[row]).json for row in (1, 4)]
    assert [(one["row"], one["field"]) for one in answer["errors"]] == [(0, "age"), (2, ""), (3, "sex"), (3, "hight")]
    refused = [(row, field) for field, row in faulty(client.post(PREDICT, json=[sent[0], good, sent[3]]))]
    assert refused == [(0, "age"), (2, "sex"), (2, "hight")]
    assert faulty(client.post(f"{PREDICT}?on_error=skip", json=sent[0])) == [("age", None)]


def test_too_many_patients_and_too_many_bytes_are_413() -> None:
    client = make_app(max_patients=2, max_body_bytes=2_048).test_client()
    assert client.post(PREDICT, json=[example()] * 2).status_code == 200
    row = ",".join(map(str, example().values()))
    table = "\n".join([",".join(example()), row, row, "", ""])
    assert client.post(PREDICT, data=table, content_type="text/csv").status_code == 200
    for many in ({"json": [example()] * 3}, {"data": table + row, "content_type": "text/csv"}):
        assert "at most 2" in problem_of(client.post(PREDICT, **many), 413)["detail"]
    padding = b" " * (2_048 - len(json.dumps(example())))
    assert post(client, json.dumps(example()).encode() + padding).status_code == 200
    refused = problem_of(post(client, json.dumps(example()).encode() + padding + b" "), 413)
    assert refused["type"].endswith("#too-large")
    assert refused["detail"] == "The body is larger than 2,048 bytes; send the patients in several requests."


@pytest.mark.parametrize("coding", ["gzip", "identity, gzip"])
def test_a_packed_body_is_415_and_told_to_be_sent_unpacked(client: FlaskClient, coding: str) -> None:
    packed = client.post(PREDICT, data=b"", content_type="text/csv", headers={"Content-Encoding": coding})
    assert "Content-Encoding" in problem_of(packed, 415)["detail"]


@pytest.mark.parametrize("coding", ["Identity", ""])
def test_a_body_whose_coding_is_none_is_answered_as_without(client: FlaskClient, coding: str) -> None:
    answer = client.post(PREDICT, json=example(), headers={"Content-Encoding": coding})
    assert (answer.status_code, answer.data) == (200, client.post(PREDICT, json=example()).data)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(SENTINELS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
patients = st.builds(lambda changed: {**example(), **changed}, st.dictionaries(st.sampled_from([*BY_NAME]), values))
records = patients | st.dictionaries(st.sampled_from([*BY_NAME]) | st.text(max_size=70), values, max_size=14)


@given(records | st.lists(records | values, max_size=4) | values)
@settings(max_examples=200)
def test_any_json_is_answered_by_the_contract_and_no_value_is_repeated(app: Flask, body: object) -> None:
    response = post(app.test_client(), json.dumps(body).encode("utf-8"))
    check_answer(response)
    assert response.status_code == 200 or SENTINEL not in response.text


@pytest.mark.parametrize("model", MODEL_VARIABLES)
def test_the_page_for_people_shows_a_command_and_the_answer_to_it(model: str) -> None:
    client = make_app(default_model=model).test_client()
    page = Page(client.get("/api/v1/").text)
    command = shlex.split("".join(page.ids["one"].itertext()).replace("\\\n", ""))
    assert command[:-1] == ["curl", f"http://localhost{PREDICT}", "-H", "Content-Type: application/json", "-d"]
    answer = post(client, command[-1].encode()).get_json()
    assert json.loads("".join(page.ids["answer"].itertext())) == answer
    assert f"{of_hundred(answer['risk'])} of 100 " in page.text("main")


def test_without_the_default_model_the_page_shows_the_command_alone(tmp_path: Path) -> None:
    page = Page(make_app(models=str(damaged_copy(tmp_path / "models", "bedside"))).test_client().get("/api/v1/").text)
    assert "answer" not in page.ids
    assert '"serum_creatinine"' in page.text("one")


def test_buttons_to_copy_are_hidden_until_a_script_shows_them(client: FlaskClient) -> None:
    page = Page(client.get("/api/v1/").text)
    assert [one.attrib["data-copy"] for one in page.all("p[@hidden]/button")] == ["one", "table"]
    assert len(page.all("button")) == 2


def test_page_and_contract_name_the_limits() -> None:
    client = make_app(max_body_bytes=12_345).test_client()
    contract = json.loads(client.get("/api/v1/openapi.json").data)["paths"]["/predict"]["post"]["description"]
    for text in (contract, Page(client.get("/api/v1/").text).text("main")):
        assert "12,345 bytes" in text
        assert f"{MOST_FAULTS:,}" in text

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heartapp.api.media import CSV, JSON, PARQUET
from heartapp.api.tables import FAULT
from heartapp.clinical.patient import MOST_FAULTS
from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.columns import ADDED_NAMES
from heartapp.scoring.columns import ADDED
from heartapp.scoring.outputs import METADATA
from heartapp.web.extension import get_registry
from tests.client import SHIPPED, example, make_app, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

PREDICT = "/api/v1/predict"
NAMES = MODEL_VARIABLES["bedside"]
SENTINEL = 61946283


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def patients(**more: Any) -> dict[str, Any]:
    """Two patients, as columns."""
    return {**{name: [value, value] for name, value in example().items()}, **more}


def post(client: FlaskClient, body: bytes, query: str = "", accept: str | None = None) -> TestResponse:
    headers = {"Accept": accept} if accept else {}
    return client.post(f"{PREDICT}{query}", data=body, content_type=PARQUET, headers=headers)


def read(response: TestResponse) -> pa.Table:
    assert (response.status_code, response.content_type) == (200, PARQUET), response.text
    return pq.read_table(io.BytesIO(response.data))


def test_parquet_is_answered_with_its_columns_types_and_metadata_and_what_the_model_says(
    app: Flask, client: FlaskClient, random_patients: Callable[..., list[list[float]]]
) -> None:
    drawn = random_patients(NAMES, 3_000)
    columns = {name: [row[index] for row in drawn] for index, name in enumerate(NAMES)}
    sent = pa.table({"id": pa.array([f"Ü {row}" for row in range(3_000)]).dictionary_encode(), **columns})
    sent = sent.replace_schema_metadata({"pandas": "{}"})
    sink = io.BytesIO()
    pq.write_table(sent, sink, row_group_size=700)
    answered = read(post(client, sink.getvalue()))

    assert answered.column_names == [*sent.column_names, *ADDED_NAMES]
    assert answered.select(sent.column_names).cast(sent.schema).equals(sent)
    assert answered.select(ADDED_NAMES).schema.equals(ADDED)
    assert answered.schema.metadata[b"pandas"] == b"{}"
    model = get_registry(app).get("bedside")
    assert msgspec.json.decode(answered.schema.metadata[METADATA]) == msgspec.to_builtins(model.identity)
    predictions = [model.predict(row) for row in drawn]
    assert answered["risk"].to_pylist() == [one.risk for one in predictions]
    assert answered["random_forest_vote"].to_pylist() == [one.votes[1].vote for one in predictions]


def test_the_threshold_moves_votes_and_verdict(client: FlaskClient) -> None:
    for threshold, died in ((0.01, 1), (0.99, 0)):
        answered = read(post(client, parquet(patients()), f"?threshold={threshold}"))
        assert answered["death_event"].to_pylist() == [died] * 2


def test_a_table_without_patients_is_answered_with_one(client: FlaskClient) -> None:
    answered = read(post(client, parquet({name: pa.array([], pa.float64()) for name in NAMES})))
    assert (answered.num_rows, answered.column_names) == (0, [*NAMES, *ADDED_NAMES])


def test_every_kind_is_answered_as_any_other(client: FlaskClient) -> None:
    text = ",".join(NAMES) + "\n" + ",".join(str(value) for value in example().values()) + "\n"
    columns = {name: pa.array([value], pa.float64()) for name, value in example().items()}
    bodies = {JSON: json.dumps([example()]).encode(), CSV: text.encode(), PARQUET: parquet(columns)}
    answers = {
        wanted: [
            client.post(PREDICT, data=body, content_type=sent, headers={"Accept": wanted})
            for sent, body in bodies.items()
        ]
        for wanted in bodies
    }
    assert len({answer.data for answer in answers[JSON]}) == 1
    assert len({answer.text.replace("\r", "") for answer in answers[CSV]}) == 1
    tables = [read(answer) for answer in answers[PARQUET]]
    assert tables[0].equals(tables[2])
    assert tables[1].select(NAMES).to_pylist() == [{name: str(value) for name, value in example().items()}]
    assert tables[1].select(ADDED_NAMES).equals(tables[0].select(ADDED_NAMES))


def test_parquet_becomes_csv(client: FlaskClient) -> None:
    body = parquet(patients(name=["Ü, x", None], days=pa.array([0, 1], pa.date32()), ill=[True, None]))
    answer = post(client, body, accept=CSV)
    rows = list(csv.DictReader(io.StringIO(answer.data.decode(), newline="")))
    assert [(row["name"], row["days"], row["ill"]) for row in rows] == [
        ("Ü, x", "1970-01-01", "true"),
        ("", "1970-01-02", ""),
    ]
    detail = problem_of(post(client, parquet(patients(scan=[b"\xff", b"\0"])), accept=CSV), 400)["detail"]
    assert detail == "A column has a type that CSV cannot hold; drop it, or accept Parquet."


def test_a_value_that_json_does_not_know_is_null_in_parquet(client: FlaskClient) -> None:
    sent = [example(), {**example(), "sex": None}]
    answered = read(client.post(PREDICT, json=sent, headers={"Accept": PARQUET}))
    assert answered["sex"].to_pylist() == [1.0, None]


def test_faults_are_named_with_their_rows_and_no_value(client: FlaskClient) -> None:
    response = post(client, parquet(patients(age=[62, SENTINEL], sex=["x", "1"])))
    errors = problem_of(response, 422)["errors"]
    assert [(one["row"], one["field"]) for one in errors] == [(0, "sex"), (1, "age")]
    assert str(SENTINEL) not in response.text


def test_on_request_faulty_rows_are_kept_and_told(client: FlaskClient) -> None:
    body = parquet(patients(age=[SENTINEL, 62]))
    answered = read(post(client, body, "?on_error=skip"))
    assert answered.column_names == [*NAMES, *ADDED_NAMES, FAULT]
    bad, good = answered.to_pylist()
    assert {bad[name] for name in ADDED_NAMES} == {None}
    assert bad[FAULT].startswith("age must be a number from 18 to 110")
    (plain, _) = read(post(client, parquet(patients()))).to_pylist()
    assert good == {**plain, FAULT: None}
    answer = post(client, body, "?on_error=skip", JSON).get_json()
    assert (answer["rows"], [one["row"] for one in answer["errors"]]) == ([1], [0])


@pytest.mark.parametrize(
    ("columns", "field", "message"),
    [
        ({"age": [62]}, "ejection_fraction", "is missing; needed: "),
        (patients(risk=[0, 0]), "risk", "is there already, where scoring would add it; rename or drop"),
        (patients(Age=[0, 0]), "age", "is there more than once"),
        (patients(age=pa.array([0, 1], pa.date32())), "age", "is of type date32[day]; expected numbers"),
    ],
)
def test_columns_that_do_not_fit_are_faulty_fields(
    client: FlaskClient, columns: dict[str, Any], field: str, message: str
) -> None:
    error = problem_of(post(client, parquet(columns)), 422)["errors"][0]
    assert error["field"] == field
    assert error["message"].startswith(message)


def test_no_more_faults_are_told_than_of_an_array_and_it_is_said_that_there_are_more(client: FlaskClient) -> None:
    ill = {**dict.fromkeys(example(), [0.0] * 400), "age": [300.0] * 400}
    body = problem_of(post(client, parquet(ill)), 422)
    assert len(body["errors"]) == MOST_FAULTS
    assert body["detail"] == "The first 1,000 faulty fields, there are more; nothing was predicted."


@pytest.mark.parametrize("body", [b"", b"PAR1", b"age\n62\n", parquet(patients())[:-9]])
def test_what_is_no_parquet_file_is_400(client: FlaskClient, body: bytes) -> None:
    assert problem_of(post(client, body), 400)["detail"].startswith("The body is not a whole Parquet file")


def test_too_many_rows_and_what_is_large_when_unpacked_are_413() -> None:
    client = make_app(max_patients=2, max_body_bytes=20_000).test_client()
    assert read(post(client, parquet(patients()))).num_rows == 2
    three = {name: [value] * 3 for name, value in example().items()}
    assert "at most 2" in problem_of(post(client, parquet(three)), 413)["detail"]
    body = parquet(patients(note=["x" * 1_000_000, ""]), compression="zstd")
    assert len(body) < 20_000
    assert "unpacks to more than 160000 bytes" in problem_of(post(client, body), 413)["detail"]


def test_the_web_process_imports_pyarrow_only_for_parquet(run_python: Callable[..., str]) -> None:
    script = """
import sys
from heartapp import create_app
from heartapp.config import Settings
app = create_app(Settings(environment="development", secret_key=sys.argv[1] * 4, models=sys.argv[2]))
client = app.test_client()
sent = b"age,ejection_fraction,serum_creatinine\\n62,25,1.7\\n"
def post(**headers):
    return client.post("/api/v1/predict", data=sent, content_type="text/csv", headers=headers).status_code
def loaded():
    return any(name.split(".")[0] in {"pyarrow", "tqdm"} or "heartapp.scoring" in name for name in sys.modules)
print(post(), post(Accept="application/json"), client.get("/api/v1/").status_code, loaded())
print(post(Accept="application/vnd.apache.parquet"), loaded())
"""
    assert run_python(script, "a key for this test", SHIPPED).split() == ["200", "200", "200", "False", "200", "True"]

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from heartapp.cli import main
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, OUTCOME
from heartapp.errors import MOST_FAULTS
from heartapp.inference.model import Options, Prediction
from heartapp.tables.columns import ADDED_NAMES
from heartapp.tables.csv_body import BETWEEN_FAULTS, FAULT
from heartapp.web.body import CSV, JSON
from heartapp.web.extension import get_registry
from tests.client import SHIPPED, added, example, problem_of, spelled

PREDICT = "/api/v1/predict"
NAMES = MODEL_VARIABLES["bedside"]
REQUIRED = ("age", "ejection_fraction", "serum_creatinine")
SENTINEL = "61946283"


def post(client: FlaskClient, body: str | bytes, query: str = "", accept: str | None = None) -> TestResponse:
    headers = {"Accept": accept} if accept else {}
    return client.post(f"{PREDICT}{query}", data=body, content_type=CSV, headers=headers)


def table(rows: Sequence[Sequence[Any]], names: Sequence[str] = NAMES) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows])
    return text.getvalue()


def read(response: TestResponse) -> list[dict[str, str]]:
    assert (response.status_code, response.content_type) == (200, "text/csv; charset=utf-8"), response.text
    rows = list(csv.reader(io.StringIO(response.data.decode(), newline="")))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


@pytest.mark.parametrize("model", MODEL_VARIABLES)
@pytest.mark.parametrize("query", ["", "&threshold=0.6"])
def test_a_table_is_answered_with_its_columns_and_what_the_model_says(
    app: Flask, client: FlaskClient, random_patients: Callable[..., list[list[float]]], model: str, query: str
) -> None:
    served = get_registry(app).get(model)
    rows = random_patients(served.names, 200)
    sent = table([['x,"y"', *row, "Ü"] for row in rows], ["id", *served.names, OUTCOME])
    answer = post(client, sent, f"?model={model}{query}")

    answered = read(answer)
    assert list(answered[0]) == ["id", *served.names, OUTCOME, *ADDED_NAMES]
    assert [list(row.values())[: len(rows[0]) + 2] for row in answered] == list(
        csv.reader(io.StringIO(sent, newline=""))
    )[1:]
    predictions = [served.predict(row, Options(threshold=0.6 if query else None)) for row in rows]
    assert [added(row) for row in answered] == [spelled(one) for one in predictions]


def test_a_table_without_patients_is_answered_with_one(client: FlaskClient) -> None:
    assert post(client, table([])).text == ",".join([*NAMES, *ADDED_NAMES]) + "\r\n"
    assert post(client, table([]), accept=JSON).get_json() == {"predictions": []}


def test_names_in_any_order_case_and_spacing_optional_columns_absent_and_cells_blank(client: FlaskClient) -> None:
    sent = "Serum_Creatinine, SEX ,age,ejection_fraction\n1.7, ,+62.0, 25\n"
    (row,) = read(post(client, sent))
    wanted = client.post(PREDICT, json={"serum_creatinine": 1.7, "age": 62, "ejection_fraction": 25})
    assert added(row) == spelled(msgspec.json.decode(wanted.data, type=Prediction))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_stay_and_a_mark_and_empty_lines_do_not_matter(client: FlaskClient, end: str, mark: str) -> None:
    plain = post(client, "age,ejection_fraction,serum_creatinine\n62,25,1.7\n").text
    sent = end.join([mark + "age,ejection_fraction,serum_creatinine", "", "62,25,1.7", "", ""])
    assert post(client, sent).data.decode() == plain.replace("\n", end)


def test_a_table_posted_and_the_same_file_scored_have_the_same_added_columns(
    client: FlaskClient, random_patients: Callable[..., list[list[float]]], tmp_path: Path
) -> None:
    rows = [[*row, "Ünal, x"] for row in random_patients(NAMES, 500)]
    rows[7][4], rows[8][0], rows[9][:] = "", "x", ["62", "0"]
    sent = table(rows, [*NAMES, "name"]).replace(",0.0,", ",,").encode()
    (tmp_path / "in.csv").write_bytes(sent)
    arguments = ["score", str(tmp_path / "in.csv"), str(tmp_path / "out.csv")]
    done = CliRunner().invoke(main, arguments, env={"HEARTAPP_MODELS": str(SHIPPED)})
    assert done.exit_code == 3, done.output

    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        scored = list(csv.DictReader(file))
    with (tmp_path / "out.csv.rejects.csv").open(encoding="utf-8") as file:
        rejects = [(int(one["row"]) - 1, one["field"], one["reason"]) for one in csv.DictReader(file)]
    answered = read(post(client, sent, "?on_error=skip"))
    good = [row for row in answered if not row[FAULT]]
    assert 0 < len(good) < len(answered) == 500
    assert list(good[0]) == [*scored[0], FAULT]
    assert [{**row, **added(row)} for row in scored] == [
        {**{name: row[name] for name in scored[0]}, **added(row)} for row in good
    ]
    told: dict[int, list[str]] = {}
    for place, field, reason in rejects:
        told.setdefault(place, []).append(f"{field} {reason}".lstrip())
    assert {place: row[FAULT] for place, row in enumerate(answered) if row[FAULT]} == {
        place: BETWEEN_FAULTS.join(faults) for place, faults in told.items()
    }


def test_a_table_is_answered_like_an_array_where_json_is_accepted(
    client: FlaskClient, random_patients: Callable[..., list[list[float]]]
) -> None:
    rows = random_patients(NAMES, 20)
    query = "?threshold=0.4&survival=true&explain=true&instability=true"
    array = client.post(PREDICT + query, json=[dict(zip(NAMES, row, strict=True)) for row in rows])
    assert post(client, table(rows), query, JSON).data == array.data


def test_an_array_is_answered_with_a_table_where_csv_is_accepted(
    client: FlaskClient, random_patients: Callable[..., list[list[float]]]
) -> None:
    patients = [dict(zip(NAMES, row, strict=True)) for row in random_patients(NAMES, 20)]
    del patients[3]["sex"]
    answered = read(client.post(PREDICT, json=patients, headers={"Accept": CSV}))
    assert list(answered[0]) == [*NAMES, *ADDED_NAMES]
    for patient, row in zip(patients, answered, strict=True):
        assert {name: float(row[name]) for name in NAMES if row[name]} == patient
        wanted = client.post(PREDICT, json=patient).data
        assert added(row) == spelled(msgspec.json.decode(wanted, type=Prediction))
    (single,) = read(client.post(PREDICT, json=patients[0], headers={"Accept": CSV}))
    assert single == answered[0]
    assert client.post(PREDICT, json=[], headers={"Accept": CSV}).text.count("\n") == 1


@pytest.mark.parametrize("query", ["survival=true", "horizon=90", "explain=true", "instability=true"])
def test_what_a_table_has_no_column_for_is_400(client: FlaskClient, query: str) -> None:
    body = problem_of(post(client, table([list(example().values())]), f"?{query}"), 400)
    assert f"send Accept: {JSON}" in body["detail"]


def test_a_refusal_lists_a_limited_number_of_faults_and_on_error_skip_lists_all(client: FlaskClient) -> None:
    refused = [post(client, table([[""] * len(NAMES)] * 400)), client.post(PREDICT, json=[{}] * 400)]
    for body in (problem_of(answer, 422) for answer in refused):
        assert len(body["errors"]) == MOST_FAULTS
        assert body["detail"] == "The first 1,000 faulty fields, there are more; nothing was predicted."
    skipped = client.post(f"{PREDICT}?on_error=skip", json=[{}] * 400).get_json()
    assert len(skipped["errors"]) == 400 * len(REQUIRED) > MOST_FAULTS


def test_on_request_a_table_keeps_faulty_rows_and_says_what_is_wrong(client: FlaskClient) -> None:
    good: list[Any] = [*example().values()]
    rows: list[list[Any]] = [[300, *good[1:-1], 7], good, good[:2], [*good, "more"]]
    answered = read(post(client, table(rows), "?on_error=skip"))
    assert list(answered[0]) == [*NAMES, *ADDED_NAMES, FAULT]
    (plain,) = read(post(client, table([good])))
    assert answered[1] == {**plain, FAULT: ""}
    for row in (0, 2, 3):
        assert {answered[row][name] for name in ADDED_NAMES} == {""}
    age, smoking = BY_NAME["age"].expected, BY_NAME["smoking"].expected
    assert answered[0][FAULT] == f"age must be {age} | smoking must be {smoking}, or null where it is not known"
    assert answered[0]["age"] == "300"
    assert answered[2][FAULT] == "has 2 cells, the header has 11"
    assert (answered[2]["anaemia"], answered[2]["smoking"]) == ("0", "")
    assert answered[3][FAULT] == "has 12 cells, the header has 11"


def test_on_request_faulty_patients_of_an_array_are_empty_rows_of_a_table(client: FlaskClient) -> None:
    sent = [{**example(), "age": 300}, example(), 7, {**example(), "x": SENTINEL, "age": SENTINEL}]
    response = client.post(f"{PREDICT}?on_error=skip", json=sent, headers={"Accept": CSV})
    answered = read(response)
    assert [row["age"] for row in answered] == ["", "62", "", ""]
    assert (
        [row["risk"] != "" for row in answered] == [row[FAULT] == "" for row in answered] == [False, True, False, False]
    )
    assert {value for name, value in answered[0].items() if name != FAULT} == {""}
    assert answered[2][FAULT] == "must be a JSON object"
    faults = answered[3][FAULT].split(BETWEEN_FAULTS)
    assert [one.split()[0] for one in faults] == ["age", "x"]
    assert faults[1] == "x is not a variable; leave it out"
    assert SENTINEL not in response.text


def test_a_column_fault_is_in_the_way_only_where_it_would_be_added(client: FlaskClient) -> None:
    sent = "age,ejection_fraction,serum_creatinine,fault\n62,25,1.7,x\n"
    assert read(post(client, sent))[0][FAULT] == "x"
    (error,) = problem_of(post(client, sent, "?on_error=skip"), 422)["errors"]
    assert error["field"] == FAULT


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "empty"),
        (b",,\n1,2,3\n", "empty"),
        (b"age;ejection_fraction;serum_creatinine\n62;25;1.7\n", "commas"),
        (b"age,ejection_fraction,serum_creatinine\r62,25,1.7\r", "LF or CRLF"),
        (b"age\n\xff", "not UTF-8 at byte 4"),
    ],
)
def test_a_body_that_is_no_csv_is_400_with_the_reason(client: FlaskClient, body: bytes, part: str) -> None:
    assert part in problem_of(post(client, body), 400)["detail"]


@pytest.mark.parametrize("line", ['"two\npatients",25,1.7', '"62"x,25,1.7', '62,25,"1.7', "62,25\r,1.7", "6" * 200_000])
def test_a_line_that_cannot_be_split_is_a_fault_of_its_row_alone(client: FlaskClient, line: str) -> None:
    sent = f"age,ejection_fraction,serum_creatinine\n62,25,1.7\n{line}\n51,45,0.9\n"
    faults = problem_of(post(client, sent), 422)["errors"]
    assert (faults[0]["row"], faults[0]["field"]) == (1, "")
    answered = read(post(client, sent, "?on_error=skip"))
    assert [row["age"] for row in answered if not row[FAULT]] == ["62", "51"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_carriage_return_in_a_quoted_cell_is_kept(client: FlaskClient, end: str) -> None:
    answer = post(client, end.join(["note,age,ejection_fraction,serum_creatinine", '"a\rb",62,25,1.7', ""]))
    assert read(answer)[0]["note"] == "a\rb"


cells = st.sampled_from(["", " ", "62", "1.7", "25", "x", "nan", "1e999", SENTINEL, '"', "\r", ",", "Ü"])
bodies = st.lists(st.lists(cells, max_size=5), max_size=6)


@given(bodies, st.sampled_from(["", "?on_error=skip", "?threshold=0.5"]), st.sampled_from([None, JSON]))
@settings(max_examples=100)
def test_any_table_is_answered_with_its_own_cells_or_a_problem(
    app: Flask, rows: list[list[str]], query: str, accept: str | None
) -> None:
    names = ["note", *REQUIRED]
    response = post(app.test_client(), table(rows, names), query, accept)
    if response.status_code == 422:
        assert SENTINEL not in response.text
        problem_of(response, 422)
    elif accept is None:
        kept = [[*row, "", "", "", ""][:4] for row in rows if row]
        answered = [[row[name] for name in names] for row in read(response)]
        assert answered == kept
    else:
        assert response.status_code == 200
        assert "predictions" in json.loads(response.data)


def test_a_table_and_an_object_name_the_likely_unit_in_the_same_words(client: FlaskClient) -> None:
    sent = {**example(), "serum_creatinine": 168}
    (fault,) = client.post(PREDICT, json=sent).get_json()["errors"]
    (cell,) = read(post(client, table([[*sent.values()]]), "?on_error=skip"))
    assert fault["message"].endswith("if it is in µmol/L, divide by 88.42")
    assert cell[FAULT] == f"serum_creatinine {fault['message']}"

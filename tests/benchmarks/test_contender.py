"""A right answer is told from a wrong one, for every contender whose answers can be made here."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
import pytest

from benchmarks import bundle
from benchmarks.contenders.fastapi.scoring import Scorer
from benchmarks.contenders.limits.constant import ANSWER
from benchmarks.everyone import CONTENDERS
from benchmarks.members import Members
from benchmarks.patients import TOLERANCE, draw, example, truths

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from benchmarks.contender import Contender

BY_NAME = {contender.name: contender for contender in CONTENDERS}
PATIENTS = [example(), *draw(200)]
TRUTHS = truths(PATIENTS)
Numbers = list[list[float]]
SERVERS: dict[str, Callable[[Numbers], object]] = {
    "mlserver": lambda numbers: {"outputs": [{"data": [value for row in numbers for value in row]}]},
    "litserve": lambda numbers: {"probabilities": numbers},
    "bentoml": lambda numbers: numbers,
    "mlflow": lambda numbers: {"predictions": numbers},
}


def test_every_contender_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(CONTENDERS)


def test_every_off_the_shelf_server_is_tried_here() -> None:
    assert {one.name for one in CONTENDERS if one.kind == "server"} == set(SERVERS)


def test_what_heartapp_answers_is_right(client: FlaskClient) -> None:
    contender = BY_NAME["heartapp"]
    for patients, right in ((PATIENTS, TRUTHS), (PATIENTS[:1], TRUTHS[:1])):
        body = contender.body(patients)
        answer = client.post(contender.path, data=body, content_type="application/json")

        assert contender.wrong(answer.data, right) == 0


def test_what_the_hand_written_app_answers_is_right() -> None:
    contender, scorer = BY_NAME["fastapi"], Scorer()

    assert contender.wrong(scorer.answer(contender.body(PATIENTS)), TRUTHS) == 0
    assert contender.wrong(scorer.answer(contender.body(PATIENTS[:1])), TRUTHS[:1]) == 0


def test_the_hand_written_app_votes_as_heartapp_does(client: FlaskClient) -> None:
    body = BY_NAME["fastapi"].body(PATIENTS)
    by_hand = json.loads(Scorer().answer(body))["predictions"]
    ours = client.post(BY_NAME["heartapp"].path, data=body, content_type="application/json").get_json()["predictions"]

    told = [(one["death_event"], [vote["vote"] for vote in one["votes"]]) for one in by_hand]
    assert told == [(one["death_event"], [vote["vote"] for vote in one["votes"]]) for one in ours]


def test_the_hand_written_app_refuses_what_is_beyond_the_limits() -> None:
    with pytest.raises(msgspec.ValidationError):
        Scorer().answer(msgspec.json.encode({**example(), "age": 750}))


def test_the_fitted_estimators_answer_as_the_served_graph() -> None:
    answered = Members().probabilities([list(patient.values()) for patient in PATIENTS])

    assert abs(answered - [truth.probabilities for truth in TRUTHS]).max() <= TOLERANCE


@pytest.mark.parametrize("name", SERVERS)
def test_one_wrong_number_of_a_server_is_one_wrong_answer(name: str) -> None:
    contender = BY_NAME[name]
    numbers = [list(truth.probabilities) for truth in TRUTHS]
    assert contender.wrong(msgspec.json.encode(SERVERS[name](numbers)), TRUTHS) == 0

    numbers[7][1] += 2 * TOLERANCE
    assert contender.wrong(msgspec.json.encode(SERVERS[name](numbers)), TRUTHS) == 1


@pytest.mark.parametrize("contender", CONTENDERS, ids=attrgetter("name"))
@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"error": "busy"}', b"<html>"])
def test_what_is_no_answer_is_wrong(contender: Contender, content: bytes) -> None:
    assert contender.wrong(content, TRUTHS[:1]) == 1


@pytest.mark.parametrize("name", ["flask-constant", "wsgi-constant"])
def test_the_limits_constant_is_what_is_expected(name: str) -> None:
    assert BY_NAME[name].wrong(ANSWER, TRUTHS[:1]) == 0


def test_the_tutorials_votes_are_cut_at_one_half() -> None:
    contender = BY_NAME["tutorial"]
    votes = [int(probability > 0.5) for probability in TRUTHS[0].probabilities]

    assert contender.wrong(msgspec.json.encode({"votes": votes}), TRUTHS[:1]) == 0
    assert contender.wrong(msgspec.json.encode({"votes": [1 - votes[0], *votes[1:]]}), TRUTHS[:1]) == 1


@pytest.mark.parametrize(
    "contender", [one for one in CONTENDERS if one.kind in {"server", "tutorial"}], ids=attrgetter("name")
)
def test_the_locks_hold_the_libraries_that_the_estimators_were_fitted_with(contender: Contender) -> None:
    lock = contender.environment.requirements.read_text("utf-8").splitlines()
    needed = [line for line in bundle.constraints().splitlines() if line.startswith(("joblib=", "scikit", "xgboost"))]

    assert needed
    assert set(needed) <= set(lock)

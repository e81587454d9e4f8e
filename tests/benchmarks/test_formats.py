"""The check of an answer tells right from wrong, for every format."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from benchmarks import bundle
from benchmarks.contender import CONTENDERS
from benchmarks.contenders.limits.app import ANSWER
from benchmarks.formats import FORMATS, TOLERANCE
from benchmarks.measure import LOADED
from benchmarks.members import Members

GOLDEN = bundle.golden()
_, TRUTH = GOLDEN[LOADED]
VOTES = [int(probability > 0.5) for probability in TRUTH[:-1]]


def test_heartapp_answers_the_golden_patients_rightly(client: FlaskClient) -> None:
    ours = CONTENDERS[0]
    answers = [client.post(ours.path, data=ours.json.body(one), content_type="application/json") for one, _ in GOLDEN]
    assert all(ours.json.is_right(answer.data, truth) for answer, (_, truth) in zip(answers, GOLDEN, strict=True))
    assert answers[LOADED].get_json()["cautions"] == []


def test_the_fitted_estimators_answer_the_golden_patients_rightly() -> None:
    answers = Members().probabilities([list(patient.values()) for patient, _ in GOLDEN])
    assert abs(answers - [truth[:-1] for _, truth in GOLDEN]).max() <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "numbers", "answer"),
    [
        ("prediction", TRUTH, lambda own: {"votes": [{"probability": one} for one in own[:-1]], "risk": own[-1]}),
        ("tensor", TRUTH[:-1], lambda own: {"outputs": [{"data": own}]}),
        ("row", TRUTH[:-1], lambda own: {"probabilities": [own]}),
        ("votes", VOTES, lambda own: {"votes": own}),
        ("constant", [json.loads(ANSWER)["risk"]], lambda own: {"risk": own[0]}),
    ],
)
def test_one_wrong_number_makes_an_answer_wrong(name: str, numbers: list[float], answer: Any) -> None:
    assert FORMATS[name].is_right(json.dumps(answer(numbers)).encode(), TRUTH)

    wrong = [numbers[0] + 2 * TOLERANCE, *numbers[1:]]
    assert not FORMATS[name].is_right(json.dumps(answer(wrong)).encode(), TRUTH)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"error": "busy"}', b"<html>"])
def test_content_that_is_no_answer_is_wrong(name: str, content: bytes) -> None:
    assert not FORMATS[name].is_right(content, TRUTH)


def test_the_locks_hold_the_libraries_that_fitted_the_estimators() -> None:
    libraries = bundle.manifest()["libraries"]
    needed = {f"{name}=={libraries[name]}" for name in ("joblib", "scikit-learn", "xgboost-cpu")}

    for one in CONTENDERS:
        if "scikit-learn" in one.packages:
            assert needed <= set(one.lock.read_text("utf-8").splitlines())

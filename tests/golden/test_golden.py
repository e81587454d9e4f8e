"""Every answer is what was recorded: the same bits for numbers, the same words for refusals."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.golden.cases import Case, cases
from tests.golden.record import ANSWERS, FILES, answer, score, sources

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_is_the_recorded_one(client: FlaskClient, case: Case) -> None:
    recorded = json.loads((ANSWERS / f"{case.name}.json").read_text("utf-8"))

    assert json.loads(json.dumps(answer(client, case))) == recorded


def test_every_recorded_answer_has_a_case() -> None:
    assert {path.stem for path in ANSWERS.glob("*.json")} == {case.name for case in CASES}


@pytest.mark.parametrize("stem", list(sources()))
def test_a_scored_file_is_the_recorded_one(tmp_path: Path, stem: str) -> None:
    model, content = sources()[stem]
    source = tmp_path / f"{stem}.csv"
    source.write_bytes(content)

    status, written = score(source, tmp_path, model)

    recorded = {suffix: FILES / f"{stem}{suffix}" for suffix in (".scored.csv", ".scored.csv.rejects.csv")}
    assert status == (3 if recorded[".scored.csv.rejects.csv"].is_file() else 0)
    assert written[".scored.csv"] == recorded[".scored.csv"].read_text("utf-8")
    assert written.get(".rejects.csv") == (recorded[".scored.csv.rejects.csv"].read_text("utf-8") if status else None)

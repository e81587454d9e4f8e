"""What a server does with its bundles, before and after a fork."""

from pathlib import Path

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle
from heartapp.inference.served import read_served
from tests.conftest import COLD_STARTS
from tests.server.running import ROOT, running


@pytest.mark.parametrize("start", range(COLD_STARTS))
def test_every_worker_answers_the_golden_rows_as_stored(home: Path, program: tuple[str, ...], start: int) -> None:
    """``HEARTAPP_COLD_STARTS=200`` starts that often: a hang after a fork may be rare."""
    assert start >= 0
    with running(home, "--workers", "2", command=program) as server:
        for name, version in read_served(ROOT / "models").items():
            golden = read_bundle(ROOT / "models", name, version).manifest.golden
            patients = [dict(zip(MODEL_VARIABLES[name], row, strict=True)) for row in golden.rows]
            # More requests than workers, each on a connection of its own.
            for _ in range(4):
                answer = server.predict(patients, name).json["predictions"]
                assert [one["risk"] for one in answer] == pytest.approx(golden.risks, abs=1e-6)

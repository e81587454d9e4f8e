"""What a server does with its bundles: before and after a fork, and when one is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.bundle import read_bundle, read_served
from tests.client import damaged_copy
from tests.conftest import COLD_STARTS
from tests.server.running import ROOT, make_home, running

if TYPE_CHECKING:
    from pathlib import Path


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


def test_with_a_damaged_bundle_the_process_lives_and_is_not_ready_and_says_why(tmp_path: Path) -> None:
    models = damaged_copy(tmp_path / "models", "bedside")
    with running(make_home(tmp_path / "home", models=models), "--workers", "1") as server:
        assert server.get("/livez").status == 200
        ready = server.get("/readyz")
        assert (ready.status, ready.headers["Content-Type"]) == (503, "application/problem+json")
        assert "/model.onnx: its SHA-256 is not the one" in ready.json["detail"]
        assert f"model bedside is not served: {ready.json['detail'].removeprefix('bedside: ')} (bundles: " in server.log
        assert str(tmp_path) not in ready.text

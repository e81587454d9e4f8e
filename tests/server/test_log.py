"""The servers' logs: requests without the values in them."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.server.running import BEDSIDE_EXAMPLE, BODY, EXAMPLE, GUNICORN, JSON, SERVE, Server, make_home, running

GOOD = {"age": 61.7319, "platelets": 271828.25, "creatinine_phosphokinase": 3141.59}
BAD = {"age": 7319.61, "serum_sodium": "sentinel-text", "ejection_fraction": 27182.81}
SENTINELS = [str(value) for value in (*GOOD.values(), *BAD.values())]
LOGS = {"granian": (*SERVE, "--access-log"), "gunicorn": (*GUNICORN, "--access-logfile", "-", "--log-level", "debug")}


def converse(server: Server) -> list[int]:
    """Every kind of request that carries a patient's values, well and badly formed; the statuses."""
    answers = [
        server.submit({**EXAMPLE, **GOOD, "model": "followup"}),
        server.submit({**EXAMPLE, **BAD, "model": "bedside"}),
        server.predict({**BEDSIDE_EXAMPLE, **GOOD}),
        server.predict([{**BEDSIDE_EXAMPLE, **GOOD}, {**BEDSIDE_EXAMPLE, **BAD}]),
        server.request("POST", "/api/v1/predict", json.dumps(GOOD).encode()[:-1], JSON),
        server.request("POST", "/api/v1/predict", json.dumps(GOOD).encode(), {"Content-Type": "text/plain"}),
        server.request("POST", f"/api/v1/predict?{urlencode(GOOD)}", BODY, JSON),
        server.get(f"/?{urlencode({**GOOD, **BAD})}"),
        server.request("PUT", f"/predict?{urlencode(GOOD)}"),
    ]
    return [answer.status for answer in answers]


@pytest.mark.parametrize("command", LOGS.values(), ids=LOGS)
def test_no_value_of_a_patient_is_in_the_log_of_a_whole_session(tmp_path: Path, command: tuple[str, ...]) -> None:
    home = make_home(tmp_path / "home")
    with running(home, "--workers", "1", command=command) as server:
        assert converse(server) == [200, 422, 200, 422, 400, 415, 400, 200, 405]
        assert server.stop() == 0
        log = server.log
    assert log.count('"POST /predict" 200') == 1
    assert log.count('"POST /api/v1/predict" 4') == 4
    assert [value for value in SENTINELS if value in log] == []


def test_without_an_access_log_requests_leave_no_line(server: Server) -> None:
    server.wait_for_log(r"(Booting worker|Started worker-1)")
    before = server.log
    assert 200 in converse(server)
    assert server.log == before

"""The servers' logs: requests without the values in them."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.server.running import BEDSIDE_EXAMPLE, BODY, EXAMPLE, GUNICORN, JSON, SERVE, Server, make_home, running

GOOD = {"age": 61.7319, "platelets": 271828.25, "creatinine_phosphokinase": 3141.59}
BAD = {"age": 7319.61, "serum_sodium": "sentinel-text", "ejection_fraction": 27182.81}
SENTINELS = [str(value) for value in (*GOOD.values(), *BAD.values())]
LOGS = {"granian": SERVE, "gunicorn": (*GUNICORN, "--access-logfile", "-", "--log-level", "debug")}


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


@pytest.mark.parametrize("kind", ["text", "json"])
@pytest.mark.parametrize("command", LOGS.values(), ids=LOGS)
def test_no_value_of_a_patient_is_in_the_log_of_a_whole_session(
    tmp_path: Path, command: tuple[str, ...], kind: str
) -> None:
    home = make_home(tmp_path / "home")
    with running(home, "--workers", "1", command=command, HEARTAPP_LOG_FORMAT=kind) as server:
        assert converse(server) == [200, 422, 200, 422, 400, 415, 400, 200, 405]
        answer = server.request("GET", "/livez", headers={"X-Request-ID": "of-the-client"})
        assert answer.headers["X-Request-ID"] == "of-the-client"
        assert server.stop() == 0
        log = server.log
    assert [value for value in SENTINELS if value in log] == []
    if kind == "text":
        assert len(re.findall(r'^\[INFO\] "POST /api/v1/predict" 4.. [\d.]+ms [0-9a-f]{16}$', log, re.MULTILINE)) == 4
        return
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["logger"] == "heartapp.access" and line["path"] == "/predict"]
    assert [(line["method"], line["status"]) for line in requests] == [("POST", 200), ("POST", 422)]
    assert [line["path"] for line in lines if line.get("request_id") == "of-the-client"] == ["/livez"]


def test_without_an_access_log_requests_leave_no_line(home: Path, program: tuple[str, ...]) -> None:
    with running(home, "--workers", "1", command=program, HEARTAPP_ACCESS_LOG="false") as server:
        assert server.get("/readyz").status == 200
        before = server.log
        assert 200 in converse(server)
        assert server.log == before

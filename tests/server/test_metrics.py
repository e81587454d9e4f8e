"""Metrics of servers with two workers, which are killed and replaced."""

import json
import os
import re
import shutil
import signal
from math import ceil
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from heartapp.inference.bundle import SERVED
from heartapp.keys import FILE, KeyFile, Scope
from tests.server.nginx import free_port
from tests.server.running import BEDSIDE_EXAMPLE, EXAMPLE, GUNICORN, JSON, ROOT, WORKER, make_home, running, wait_until

SCOPES: tuple[Scope, ...] = ("metrics", "predict")


class Scraper:
    """Reads the metrics at an address as Prometheus does."""

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"

        self.secret = ""

    def text(self) -> str:
        """All metrics; nothing while no worker listens."""
        try:
            headers = {"Authorization": f"Bearer {self.secret}"}
            with urlopen(Request(f"http://{self.address}/metrics", headers=headers), timeout=5) as response:
                return str(response.read().decode())
        except HTTPError:
            raise
        except (URLError, ConnectionError):
            return ""

    def value(self, name: str, **labels: str) -> float:
        """The sum of a metric's values with these labels."""
        samples = [one for family in text_string_to_metric_families(self.text()) for one in family.samples]
        found = [one for one in samples if one.name == f"heartapp_{name}" and labels.items() <= one.labels.items()]
        return sum(one.value for one in found)


@pytest.fixture
def scraper() -> Scraper:
    return Scraper()


def test_counts_are_of_all_workers_and_outlive_them(home: Path, program: tuple[str, ...], scraper: Scraper) -> None:
    with running(
        home, "--workers", "2", command=program, HEARTAPP_METRICS_ADDRESS=scraper.address, TMPDIR=str(home)
    ) as server:
        for turn in (1, 2, 3):
            wait_until(lambda: len(re.findall(WORKER, server.log)) > turn, f"worker {turn + 1} is started")  # noqa: B023 - called now
            wait_until(server.answers, "a worker answers")
            for _ in range(20):
                assert server.predict(BEDSIDE_EXAMPLE).status == 200
            wait_until(scraper.text, "a worker listens")
            assert scraper.value("requests_total", route="/api/v1/predict", status="200") == 20 * turn
            assert scraper.value("request_seconds_count", route="/api/v1/predict") == 20 * turn
            assert scraper.value("predictions_total", model="bedside") == scraper.value("risk_count") == 20 * turn
            if turn < 3:
                os.kill(int(re.findall(WORKER, server.log)[turn - 1]), signal.SIGKILL)
        wait_until(lambda: 20 <= scraper.value("recent_predictions") <= 40, "recent ones are of those that live")
        assert len([*home.glob("heartapp-metrics-*/counter_*")]) <= 2
        assert server.stop() == 0
    assert [*home.glob("heartapp-metrics-*")] == []


def test_with_keys_only_one_with_the_scope_reads_metrics(home: Path, scraper: Scraper) -> None:
    keys = KeyFile(home / FILE)
    secrets = {scope: keys.add(scope, [scope]) for scope in SCOPES}
    with running(home, HEARTAPP_REQUIRE_KEYS="true", HEARTAPP_METRICS_ADDRESS=scraper.address):
        scraper.secret = secrets["metrics"]
        wait_until(scraper.text, "a worker listens")
        for scraper.secret in ("", secrets["predict"]):
            with pytest.raises(HTTPError, match="401"):
                scraper.text()


def test_every_event_is_counted_by_what_it_was(tmp_path: Path, scraper: Scraper) -> None:
    models = shutil.copytree(ROOT / "models", tmp_path / "models")
    home = make_home(tmp_path / "home", models=models)
    csv = {"Content-Type": "text/csv"}
    table = f"{','.join(BEDSIDE_EXAMPLE)}\n{','.join(map(str, BEDSIDE_EXAMPLE.values()))}\n".encode()
    records = json.dumps({"dataframe_records": [BEDSIDE_EXAMPLE, BEDSIDE_EXAMPLE]}).encode()
    tensors = {"inputs": [{"name": "patients", "datatype": "FP64", "shape": [0, 1], "data": []}]}
    faulty = {**BEDSIDE_EXAMPLE, "age": 700, "sentinel": 1}
    old = {**BEDSIDE_EXAMPLE, "age": 20, "ejection_fraction": 80}
    with running(home, "--workers", "1", command=GUNICORN, HEARTAPP_METRICS_ADDRESS=scraper.address) as server:
        risk = server.predict([BEDSIDE_EXAMPLE, BEDSIDE_EXAMPLE]).json["predictions"][0]["risk"]
        assert server.request("POST", "/api/v1/predict", table, csv).status == 200
        assert server.request("POST", "/invocations", records, JSON).status == 200
        assert server.request("POST", "/v2/models/bedside/infer", json.dumps(tensors).encode(), JSON).status == 400
        assert server.predict(EXAMPLE, "followup").json["cautions"][0]["kind"] == "known_afterwards"
        assert server.predict(old).json["cautions"][0]["kind"] == "little_support"
        assert server.submit({**BEDSIDE_EXAMPLE, "model": "bedside", "age": ""}).status == 422
        assert server.predict(faulty).status == 422
        skipped = server.request("POST", "/api/v1/predict?on_error=skip", json.dumps([faulty]).encode(), JSON)
        assert skipped.status == 200
        assert server.get("/sentinel").status == 404
        identity = server.predict(BEDSIDE_EXAMPLE).json["model"]
        shutil.copytree(models / "bedside" / identity["version"], models / "bedside" / "99")
        manifest = models / "bedside" / "99" / "manifest.json"
        manifest.write_text(json.dumps({**json.loads(manifest.read_bytes()), "version": "99"}))
        (models / SERVED).write_text('bedside = "99"\nfollowup = "999"\n')
        wait_until(lambda: scraper.value("swaps_total", model="bedside", outcome="served") == 1, "it is served")
        wait_until(lambda: scraper.value("recent_predictions", model="bedside") == 7, "recent predictions are counted")
        assert server.predict(BEDSIDE_EXAMPLE).json["model"]["version"] == "99"
        text, value = scraper.text(), scraper.value
        assert value("predictions_total", digest=identity["digest"]) == 7
        assert value("predictions_total", model="bedside", version="99") == 1
        assert value("predictions_total", model="followup") == 1
        assert value("risk_bucket", model="bedside", le="1.0") == value("risk_count", model="bedside") == 8
        assert value("risk_bucket", model="bedside", le=f"{ceil(risk * 10) / 10}") >= 6
        assert value("refused_fields_total", field="age") == 3
        assert value("refused_fields_total", field="other") == 3
        assert value("cautions_total", model="followup", kind="known_afterwards") == 1
        assert value("cautions_total", model="bedside", kind="little_support") == 1
        assert value("recent_outside_support", model="bedside") == 1
        assert value("swaps_total", model="followup", outcome="refused") == 1
        assert value("requests_total", route="none", status="404") == 1
    assert "sentinel" not in text

import json
import re
import socket
import sys

import pytest
from prometheus_client import Counter, Gauge, Histogram

from heartapp.config import Settings
from heartapp.errors import ConfigError
from heartapp.web import metrics, observe
from tests.client import ROOT, make_app

SUFFIXES: dict[type, tuple[str, ...]] = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_sum", "_count")}


@pytest.mark.parametrize("host", ["192.0.2.1", "[::zz]", "127.0.0.1"])
def test_an_address_where_nothing_can_listen_is_named(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"{host}:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=r"^metrics_address: cannot listen at") as caught:
            observe.prepare(Settings(metrics_address=address))
    assert address in str(caught.value)


def test_without_the_extra_the_setting_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "heartapp.web.metrics", None)
    monkeypatch.setitem(sys.modules, "heartapp.web.traces", None)
    with pytest.raises(ConfigError, match="pip install filelock prometheus-client"):
        observe.prepare(Settings(metrics_address="127.0.0.1:9464"))
    with pytest.raises(ConfigError, match="pip install opentelemetry-sdk"):
        observe.prepare(Settings(traces="http://127.0.0.1:4318/v1/traces"))


def test_a_worker_whose_server_did_not_prepare_says_so() -> None:
    settings = Settings(metrics_address="127.0.0.1:9464")
    with pytest.raises(ConfigError, match=r"gunicorn\.conf\.py"):
        observe.start(make_app(), settings)


def test_nothing_is_done_without_the_settings() -> None:
    observe.prepare(Settings())
    observe.start(make_app(), Settings())


def test_the_dashboard_and_the_documentation_name_every_metric_and_no_other() -> None:
    found = [one for one in vars(metrics).values() if type(one) in SUFFIXES]
    ours = {one._name: [one._name + suffix for suffix in SUFFIXES[type(one)]] for one in found}
    assert len(ours) == 10
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_bytes())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for query in queries for name in re.findall(r"heartapp_\w+", query)}
    assert named <= {name for names in ours.values() for name in names}
    assert [name for name, names in ours.items() if named.isdisjoint(names)] == []
    section = (ROOT / "docs" / "operating.md").read_text("utf-8").partition("## Metrics")[2].partition("\n## ")[0]
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    documented = {f"heartapp_{name}".removesuffix("_total") for cell in cells for name in re.findall(r"\w+", cell)}
    assert documented == set(ours)

"""The example for nginx: it fits heartapp's settings, and hides and adds nothing."""

from __future__ import annotations

import json
import re
import runpy
from typing import TYPE_CHECKING

import pytest

from heartapp.config import Settings
from heartapp.serve import HEADER_TIMEOUT
from tests.conftest import require
from tests.server.nginx import EXAMPLE, NGINX
from tests.server.running import BEDSIDE_EXAMPLE, ROOT, wait_until
from tests.server.running import EXAMPLE as PATIENT

if TYPE_CHECKING:
    from tests.server.nginx import Balancer

GUNICORN = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
UNITS = {"s": 1, "m": 1024**2}
JSON = {"Content-Type": "application/json"}


def stated(directive: str) -> int:
    """A directive's seconds or bytes."""
    match = re.search(rf"^ *{directive} (\d+)([sm]);", EXAMPLE, re.MULTILINE)
    assert match
    return int(match[1]) * UNITS[match[2]]


def test_nginx_is_there_for_the_tests_of_replicas() -> None:
    require(
        NGINX is not None,
        "the tests of replicas behind a balancer need nginx: on Debian or Ubuntu `apt install nginx`",
        installed_in_ci=True,
    )


def test_nginx_lets_go_of_a_connection_before_the_servers_do() -> None:
    assert 0 < stated("keepalive_timeout") < min(GUNICORN["keepalive"], HEADER_TIMEOUT / 1000)


def test_nginx_lets_pass_what_heartapp_takes_and_a_little_more() -> None:
    assert stated("client_body_buffer_size") == stated("client_max_body_size") > Settings().max_body_bytes


@pytest.mark.nginx
def test_a_large_body_and_its_answer_never_touch_the_disk(balancer: Balancer) -> None:
    many = json.dumps([BEDSIDE_EXAMPLE] * Settings().max_patients).encode()
    answer = balancer.request("POST", "/api/v1/predict", many.ljust(Settings().max_body_bytes), JSON)
    assert len(answer.json["predictions"]) == Settings().max_patients
    assert "temporary file" not in balancer.log


@pytest.mark.nginx
def test_a_form_from_one_replica_is_taken_by_the_other(balancer: Balancer) -> None:
    pages = [balancer.submit({"model": "bedside", **PATIENT}) for _ in range(3)]
    assert [page.status for page in pages] == [200] * 3
    asked = wait_until(lambda: lines if len(lines := balancer.asked()) == 6 else None, "nginx has written six lines")
    assert any(form != prediction for form, prediction in zip(asked[::2], asked[1::2], strict=True))


@pytest.mark.nginx
def test_a_form_with_its_token_is_not_compressed_on_the_way(balancer: Balancer) -> None:
    compressible = {"Accept-Encoding": "gzip"}
    assert "Content-Encoding" not in balancer.request("GET", "/", headers=compressible).headers
    style = balancer.request("GET", "/static/heartapp.css", headers=compressible)
    assert style.headers["Content-Encoding"] == "gzip"


@pytest.mark.nginx
def test_what_a_client_claims_of_a_proxy_is_not_believed(balancer: Balancer) -> None:
    claims = {"Host": "claimed.example", "Prefix": "/claimed", "Proto": "https"}
    page = balancer.request("GET", "/", headers={f"X-Forwarded-{name}": value for name, value in claims.items()})
    assert page.status == 200
    assert "claimed" not in page.text
    assert "Strict-Transport-Security" not in page.headers


@pytest.mark.nginx
def test_a_query_string_is_not_written_down(balancer: Balancer) -> None:
    assert balancer.get("/?age=61.7319").status == 200
    wait_until(balancer.asked, "nginx has written a line")
    assert "61.7319" not in balancer.access_log.read_text("utf-8") + balancer.log

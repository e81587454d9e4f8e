"""The example for nginx: it fits heartapp's settings, and hides and adds nothing."""

import json
import re
import runpy

import pytest

from heartapp.config import Settings
from heartapp.serve import HEADER_TIMEOUT
from tests.conftest import require
from tests.server.nginx import EXAMPLE, NGINX, Balancer
from tests.server.running import BEDSIDE_EXAMPLE, JSON, ROOT, wait_until

GUNICORN = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
UNITS = {"s": 1, "m": 1024**2}


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


def test_nginx_closes_connections_before_the_servers_do_and_takes_all_bodies_that_heartapp_takes() -> None:
    assert 0 < stated("keepalive_timeout") < min(GUNICORN["keepalive"], HEADER_TIMEOUT / 1000)
    assert stated("client_body_buffer_size") == stated("client_max_body_size") > Settings().max_body_bytes


@pytest.mark.nginx
def test_a_large_body_and_its_answer_never_touch_the_disk(balancer: Balancer) -> None:
    many = json.dumps([BEDSIDE_EXAMPLE] * Settings().max_patients).encode()
    answer = balancer.request("POST", "/api/v1/predict", many.ljust(Settings().max_body_bytes), JSON)
    assert len(answer.json["predictions"]) == Settings().max_patients
    assert "temporary file" not in balancer.log


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

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from heartapp.errors import ConfigError
from heartapp.keys import FILE, KeyFile
from heartapp.web import access
from tests.client import entries, example, make_app, problem_of
from tests.conftest import require
from tests.server.nginx import free_port
from tests.server.running import wait_until

REDIS = shutil.which("redis-server")


def ask(client: FlaskClient, secret: str = "", address: str = "/api/v1/predict") -> TestResponse:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    body = {"instances": [example()]} if address == "/invocations" else example()
    return client.post(address, json=body, headers=headers)


# keys


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFile:
    """The keys of a home of this test's own."""
    monkeypatch.setenv("HEARTAPP_HOME", str(tmp_path))
    return KeyFile(tmp_path / FILE)


def test_programs_need_a_key_and_people_do_not(keys: KeyFile) -> None:
    client = make_app(require_keys=True).test_client()
    refused = ask(client)
    assert problem_of(refused, 401)["type"].endswith("#no-key")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    secret, other = keys.add("clinic", ["predict"]), keys.add("scraper", ["metrics"])
    assert ask(client, secret).status_code == 200
    assert ask(client, other).status_code == ask(client, secret[:-1]).status_code == 401
    assert (
        client.post("/api/v1/predict", json=example(), headers={"Authorization": f"Basic {secret}"}).status_code == 401
    )
    for address in ("/invocations", "/v2/models/bedside/infer"):
        assert ask(client, address=address).status_code == 401
    assert ask(client, secret, "/invocations").status_code == 200
    assert client.post("/predict", data=entries()).status_code == 200
    assert client.get("/api/v1/openapi.json").status_code == client.get("/v2/health/ready").status_code == 200
    keys.revoke("clinic")
    assert ask(client, secret).status_code == 401
    keys.path.write_text("{")
    for address in ("/api/v1/predict", "/invocations"):
        assert ask(client, secret, address).status_code == 401


def test_without_the_setting_no_key_is_needed() -> None:
    assert ask(make_app().test_client()).status_code == 200


# limits


def test_each_key_or_address_has_its_own_limit(keys: KeyFile) -> None:
    client = make_app(require_keys=True, rate_limit="2/hour").test_client()
    first, second = keys.add("first", ["predict"]), keys.add("second", ["predict"])
    assert [ask(client, first).status_code for _ in range(3)] == [200, 200, 429]
    assert ask(client, second).status_code == 200
    refused = ask(client, first)
    assert problem_of(refused, 429)["type"].endswith("#too-many")
    assert int(refused.headers["Retry-After"]) > 3_000
    assert [client.post("/predict", data=entries()).status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/").status_code == client.get("/readyz").status_code == 200


def test_a_wrong_limit_and_a_missing_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="rate_limit: often is no limit; write one such as 600/minute"):
        make_app(rate_limit="often")
    for storage in ("memory", "redsi://:secret@x", "redis://h:99999"):
        with pytest.raises(ConfigError, match="rate_limit_storage: write memory://") as caught:
            make_app(rate_limit="1/minute", rate_limit_storage=storage)
        assert "secret" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "flask_limiter", None)
    with pytest.raises(ConfigError, match="pip install flask-limiter redis"):
        make_app(rate_limit="1/minute")


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(5) == b"+PONG"
    return False


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    require(REDIS is not None, "redis-server is not installed", installed_in_ci=True)
    assert REDIS
    port = free_port()
    command = [REDIS, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_until(lambda: answers(port), "Redis answers")
    yield f"redis://127.0.0.1:{port}", process
    process.kill()
    process.wait()


def test_processes_count_together_in_redis_and_go_on_without_it(
    redis: tuple[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_STORAGE_SECONDS", 5.0)  # a busy machine may need longer than a server waits
    storage, process = redis
    clients = [make_app(rate_limit="3/hour", rate_limit_storage=storage).test_client() for _ in range(2)]
    assert [ask(client).status_code for client in (*clients, *clients)] == [200, 200, 200, 429]
    process.kill()
    process.wait()
    app = clients[1].application
    with ThreadPoolExecutor(8) as pool:
        together = [pool.submit(lambda: ask(app.test_client()).status_code) for _ in range(8)]
    assert {one.result() for one in together} <= {200, 429}
    assert [ask(clients[0]).status_code for _ in range(4)] == [200, 200, 200, 429]

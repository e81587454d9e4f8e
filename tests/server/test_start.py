"""`heartapp serve` and plain gunicorn: how they start, and when they refuse to."""

from __future__ import annotations

import re
import socket
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.server.running import (
    BEDSIDE_EXAMPLE,
    DEVELOPMENT,
    EXAMPLE,
    HEARTAPP,
    PATIENCE,
    ROOT,
    SECRET,
    SERVE,
    environment,
    running,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.running import Server


def refusal(home: Path, program: tuple[str, ...], **settings: str) -> str:
    """The one line that a program prints which must not start."""
    done = subprocess.run(
        program,
        cwd=home,
        env=environment(home, settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("[")]  # without gunicorn's log
    return line


def test_page_and_api_answer_alike(server: Server) -> None:
    page = server.submit({"model": "bedside", **EXAMPLE})
    prediction = server.predict(BEDSIDE_EXAMPLE)
    assert (page.status, prediction.status) == (200, 200)
    assert f'<data id="risk" value="{prediction.json["risk"]}">' in page.text


@pytest.mark.parametrize("host", ["localhost", "::1", "0.0.0.0"])  # noqa: S104 - that it works there
def test_the_printed_url_answers(home: Path, host: str) -> None:
    with running(home, "--host", host, "--workers", "1") as server:
        assert server.get("/readyz").status == 200


def test_a_development_machine_makes_a_private_key_once(home: Path) -> None:
    keys = []
    for _ in range(2):
        with running(home, "--workers", "1"):
            key = home / "instance" / "secret_key"
            keys.append(key.read_bytes())
    assert keys[0] == keys[1]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "production needs a setting secret_key"),
        ({"HEARTAPP_SECRET_KEY": SECRET, "HEARTAPP_MAX_PATIENTS": "0"}, "setting max_patients: expected `int` >= 1"),
        ({"HEARTAPP_SECRET_KEY": SECRET, "HEARTAPP_MAX_PATIENT": "5"}, "unknown setting max_patient"),
    ],
    ids=["no secret key", "a value out of range", "a misspelt name"],
)
def test_a_wrong_setting_stops_the_start_with_one_line(
    home: Path, program: tuple[str, ...], settings: dict[str, str], reason: str
) -> None:
    assert reason in refusal(home, program, **settings)
    assert not (home / "instance").exists()


@pytest.mark.parametrize(
    ("host", "reason"),
    [("127.0.0.1", "port {port} is in use at 127.0.0.1"), ("192.0.2.1", "--host 192.0.2.1 is not an address")],
)
def test_an_address_that_cannot_be_used_stops_the_start_with_one_line(home: Path, host: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert reason.format(port=port) in refusal(home, (*SERVE, "--host", host, "--port", port), **DEVELOPMENT)


def test_the_documented_lines_for_a_server_start_one_that_is_ready(home: Path) -> None:
    guide = (ROOT / "docs" / "operating.md").read_text("utf-8")
    block = re.findall(r"```console\n(.*?)```", guide, re.DOTALL)[0]
    install, *lines, start = [line.removeprefix("$ ") for line in block.splitlines()]
    assert install == "make .venv/serve"  # here the environment is that of the tests
    (home / ".venv").mkdir()
    (home / ".venv" / "bin").symlink_to(HEARTAPP.parent)
    script = "\n".join([*lines, "exec " + start.replace(":8000", ":0")])
    with running(home, command=("sh", "-ec", script), HEARTAPP_CONFIG="config/production.toml") as server:
        assert server.get("/readyz").status == 200
        cookie = server.get("/").headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert not (home / "instance").exists()

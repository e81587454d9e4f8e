"""`heartapp serve` and plain gunicorn: how they start, and when they refuse to."""

from __future__ import annotations

import re
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.server.running import (
    BEDSIDE_EXAMPLE,
    DEVELOPMENT,
    EXAMPLE,
    GUNICORN,
    HEARTAPP,
    PATIENCE,
    ROOT,
    SERVE,
    environment,
    running,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.running import Server

SECRET = "0123456789abcdef" * 4
PROGRAMS = {"heartapp serve": SERVE, "gunicorn": GUNICORN}

every_program = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)


def refusal(home: Path, program: tuple[str, ...], **settings: str) -> str:
    """What a program that must not start says."""
    done = subprocess.run(
        program,
        cwd=home,
        env=environment(home, settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert "Listening at" not in done.stderr
    return "\n".join(line for line in done.stderr.splitlines() if not line.startswith("["))  # without gunicorn's log


def test_heartapp_serve_answers_page_and_api_alike(server: Server) -> None:
    page = server.submit({"model": "bedside", **EXAMPLE})
    prediction = server.predict(BEDSIDE_EXAMPLE)
    assert (page.status, prediction.status) == (200, 200)
    assert f'<data id="risk" value="{prediction.json["risk"]}">' in page.text
    assert f'<data value="{prediction.json["death_event"]}">' in page.text


def test_heartapp_serve_prints_where_it_can_be_reached(server: Server) -> None:
    assert server.log.startswith("heartapp (development): http://127.0.0.1:")


def test_a_development_machine_makes_a_secret_key_that_its_owner_alone_can_read(server: Server) -> None:
    key = server.output.parent / "instance" / "secret_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text("ascii").strip()) == 64


def test_a_second_start_keeps_the_secret_key(home: Path) -> None:
    keys = []
    for _ in range(2):
        with running(home, "--workers", "1"):
            keys.append((home / "instance" / "secret_key").read_bytes())
    assert keys[0] == keys[1]


@every_program
def test_production_without_a_secret_key_refuses_to_start_and_says_how_to_make_one(
    home: Path, program: tuple[str, ...]
) -> None:
    said = refusal(home, program)
    assert len(said.splitlines()) == 1
    assert "production needs a setting secret_key: make one with: python3 -c 'import secrets" in said
    assert not (home / "instance").exists()


@every_program
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("HEARTAPP_MAX_PATIENTS", "0", "setting max_patients: expected `int` >= 1"),
        ("HEARTAPP_MAX_PATIENT", "5", "unknown setting max_patient; did you mean max_patients?"),
    ],
    ids=["a value out of range", "a misspelt name"],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(
    home: Path, program: tuple[str, ...], name: str, value: str, reason: str
) -> None:
    said = refusal(home, program, HEARTAPP_SECRET_KEY=SECRET, **{name: value})
    assert len(said.splitlines()) == 1
    assert reason in said


def test_a_port_in_use_stops_the_start_with_one_line_that_names_it(home: Path, server: Server) -> None:
    said = refusal(home, (*SERVE, "--port", str(server.port)), **DEVELOPMENT)
    assert len(said.splitlines()) == 1
    assert f"port {server.port} is in use at 127.0.0.1" in said


def test_the_readmes_lines_for_a_server_start_one_that_is_ready(home: Path) -> None:
    (block,) = re.findall(r"\n## Deploy\n.*?```console\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    install, *lines, start = [line.removeprefix("$ ") for line in block.splitlines()]
    assert install == "make .venv/serve"  # here the environment is that of the tests
    (home / ".venv").mkdir()
    (home / ".venv" / "bin").symlink_to(HEARTAPP.parent)
    script = "\n".join([*lines, "exec " + start.replace(":8000", ":0")])
    with running(home, command=("sh", "-ec", script), HEARTAPP_CONFIG="config/production.toml") as server:
        assert server.get("/readyz").status == 200
        assert "Secure" in server.get("/").headers["Set-Cookie"]


def test_production_with_a_secret_key_serves_with_cookies_for_https_only(home: Path) -> None:
    production = {"HEARTAPP_CONFIG": "config/production.toml", "HEARTAPP_SECRET_KEY": SECRET}
    with running(home, command=GUNICORN, **production) as server:
        cookie = server.get("/").headers["Set-Cookie"]
        assert server.get("/readyz").status == 200
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert not (home / "instance").exists()

"""`heartapp serve` and plain gunicorn: how they start, and when they refuse to."""

import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.server.running import HEARTAPP, PATIENCE, ROOT, SERVE, environment, running


def refusal(home: Path, program: tuple[str, ...], **settings: str) -> str:
    """The one line that a program prints which must not start."""
    env = environment(home, settings)
    done = subprocess.run(program, cwd=home, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("[")]  # without gunicorn's log
    return line


@pytest.mark.parametrize("host", ["localhost", "::1", "0.0.0.0"])  # noqa: S104 - that it works there
def test_the_printed_url_answers(home: Path, host: str) -> None:
    with running(home, "--host", host, "--workers", "1") as server:
        assert server.get("/readyz").status == 200


def test_a_wrong_setting_stops_the_start_with_one_line(home: Path, program: tuple[str, ...]) -> None:
    assert "setting max_patients: expected `int` >= 1" in refusal(home, program, HEARTAPP_MAX_PATIENTS="0")


def test_a_taken_port_stops_the_start_with_one_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"--port {port}: [Errno 98] Address already in use" in refusal(home, (*SERVE, "--port", port))


def test_the_documented_lines_for_a_server_start_one_that_is_ready(home: Path) -> None:
    guide = (ROOT / "docs" / "operating.md").read_text("utf-8")
    block = re.findall(r"```console\n(.*?)```", guide, re.DOTALL)[0]
    install, *lines, start = [line.removeprefix("$ ") for line in block.splitlines()]
    assert install == "make .venv/serve"  # here the environment is that of the tests
    (home / ".venv").mkdir()
    (home / ".venv" / "bin").symlink_to(HEARTAPP.parent)
    script = "\n".join([*lines, "exec " + start.replace(":8000", ":0")])
    with running(home, command=("sh", "-ec", script)) as server:
        assert server.get("/readyz").status == 200

"""A real server for tests: `heartapp serve` or gunicorn in a process of its own, on loopback, with its own home."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from heartapp.clinical.variables import MODEL_VARIABLES, VARIABLES

Value = TypeVar("Value")

ROOT = Path(__file__).parents[2]
HEARTAPP = Path(sys.executable).with_name("heartapp")
SERVE = (str(HEARTAPP), "serve", "--port", "0")
GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", "127.0.0.1:0")
PROGRAMS: dict[str, tuple[str, ...]] = {"granian": SERVE, "gunicorn": GUNICORN}
READY = r"(?:Listening at|heartapp): (http://[^\s,]+:\d+)"
WORKER = r"(?:Booting worker with pid|Spawning worker-\d+ with PID): (\d+)"
PATIENCE = 25.0
"""Seconds until a condition that does not come true is a failure; nothing ever waits that long when all is well."""

EXAMPLE: dict[str, float] = {variable.name: variable.example for variable in VARIABLES}
BEDSIDE_EXAMPLE = {name: EXAMPLE[name] for name in MODEL_VARIABLES["bedside"]}
HEAD = b"POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
"""The head of a request, without its length and the empty line."""
BODY = json.dumps(BEDSIDE_EXAMPLE).encode()
HALF_SENT = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY[: len(BODY) // 2])
JSON = {"Content-Type": "application/json"}


def wait_until(condition: Callable[[], Value | None], what: str) -> Value:
    """What ``condition`` gives as soon as that is true; a failure that names ``what`` after too long."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain until {what}"
        time.sleep(0.02)
    return value


def make_home(folder: Path, *, models: Path = ROOT / "models") -> Path:
    """A home with the project's configuration and these models; what the server writes stays inside."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ("gunicorn.conf.py", "wsgi.py"):
        shutil.copy(ROOT / name, folder)
    (folder / "models").symlink_to(models)
    return folder


def environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with that home and these settings, without settings of gunicorn's own."""
    inherited = {name: os.environ[name] for name in os.environ.keys() - {"GUNICORN_CMD_ARGS", "WEB_CONCURRENCY"}}
    return {**inherited, "HEARTAPP_HOME": str(home), **settings}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A running server; what it prints goes to one file."""

    process: subprocess.Popen[bytes]
    output: Path
    port: int = field(default=0)
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> str:
        return self.output.read_text("utf-8")

    def wait_for_log(self, pattern: str) -> str:
        """The first group of the pattern's last match in the log, once there is one."""

        def found() -> str | None:
            assert self.process.poll() is None, f"the server ended early:\n{self.log}"
            matches = re.findall(pattern, self.log)
            return matches[-1] if matches else None

        return wait_until(found, f"the log holds {pattern}")

    def connect(self) -> socket.socket:
        """A connection of its own, for requests that no HTTP library would send."""
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request and read the whole answer."""
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def answers(self) -> bool:
        """Whether something answers there now."""
        try:
            return self.get("/livez").status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def predict(self, patient: Any, model: str = "bedside") -> Answer:
        """Ask the API."""
        return self.request("POST", f"/api/v1/predict?model={model}", json.dumps(patient).encode(), JSON)

    def submit(self, values: Mapping[str, Any]) -> Answer:
        """Send the form, as a browser without JavaScript does."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", "/predict", urlencode(values), headers)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit status, once the server has ended."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """End the server as an operator would; its exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()


@contextmanager
def running(
    home: Path,
    *arguments: str,
    command: tuple[str, ...] = SERVE,
    ready: str = READY,
    pass_fds: tuple[int, ...] = (),
    **settings: str,
) -> Iterator[Server]:
    """A server that answers, in ``home``; ended when the block is left."""
    output = home / "output.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=home,
            env=environment(home, settings),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            process_group=0,
            pass_fds=pass_fds,
        )
    server = Server(process, output)
    try:
        address = urlsplit(server.wait_for_log(ready))
        server.host, server.port = address.hostname or "", address.port or 0
        yield server
    finally:
        try:
            server.stop()
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

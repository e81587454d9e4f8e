"""A contender's server in a process of its own: started, asked, and ended with all that it started."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks import processes
from benchmarks.bundle import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.contender import Contender
    from benchmarks.patients import Patient, Truth

HOST: Final = "127.0.0.1"
PATIENCE: Final = 120.0
"""Seconds until a server that does not answer has failed."""
PATIENCE_AT_THE_END: Final = 10.0
"""Seconds until a server that does not end is killed."""
_PAUSE: Final = 0.005
_INHERITED: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")


class ServerError(Exception):
    """A server ended early, or does not answer rightly."""


@dataclass(slots=True)
class Connection:
    """One connection to a server, kept open."""

    port: int
    path: str
    _http: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Send one request; status and body of the answer.

        Raises:
            OSError: nobody answers.
            http.client.HTTPException: what is answered is not HTTP.
        """
        self._http = self._http or http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            self._http.request("POST", self.path, body, {"Content-Type": "application/json"})
            answer = self._http.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        """End the connection; the next request makes another."""
        if self._http:
            self._http.close()
            self._http = None


@dataclass(frozen=True, slots=True)
class Server:
    """A running server that has answered rightly, ``start_seconds`` after it was started."""

    contender: Contender
    port: int
    pid: int
    start_seconds: float
    connection: Connection

    def wrong(self, patients: Sequence[Patient], truths: Sequence[Truth]) -> int:
        """How many of these patients, asked one by one, are answered wrongly or not at all."""
        return sum(
            not _right(self.contender, self.connection, patient, truth)
            for patient, truth in zip(patients, truths, strict=True)
        )

    @property
    def url(self) -> str:
        """Where patients are sent to."""
        return f"http://{HOST}:{self.port}{self.contender.path}"


@contextmanager
def serving(contender: Contender, patient: Patient, truth: Truth) -> Iterator[Server]:
    """Start a contender's server and wait until it answers one patient rightly; it is ended with the block.

    Raises:
        ServerError: it did not come to answer; with the last words of its log.
    """
    port = free_port()
    command = contender.start(port, workshop(contender))
    log = contender.environment.folder / f"{contender.name}.log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(contender.environment.programs / command.arguments[0]), *command.arguments[1:]],
            cwd=workshop(contender),
            env={**variables(contender), **command.variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with closing(Connection(port, contender.path)) as connection:
            while not _right(contender, connection, patient, truth):
                if process.poll() is not None:
                    raise ServerError(f"it ended by itself: {_last_words(log)}")
                if time.perf_counter() - began > PATIENCE:
                    raise ServerError(f"no right answer within {PATIENCE:g} s")
                time.sleep(_PAUSE)
            yield Server(contender, port, process.pid, time.perf_counter() - began, connection)
    finally:
        _end(process)


def workshop(contender: Contender) -> Path:
    """The folder in which the server runs; its to write in."""
    folder = contender.environment.folder / f"{contender.name}.run"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def variables(contender: Contender) -> dict[str, str]:
    """The environment variables that every contender is given; nobody's own settings among them."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    programs = f"{contender.environment.programs}{os.pathsep}{inherited.get('PATH', os.defpath)}"
    return {**inherited, "PATH": programs, "PYTHONPATH": str(ROOT)}


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.create_server((HOST, 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def _right(contender: Contender, connection: Connection, patient: Patient, truth: Truth) -> bool:
    try:
        status, content = connection.post(contender.body([patient]))
    except (OSError, http.client.HTTPException):
        return False
    return status == http.HTTPStatus.OK and not contender.wrong(content, [truth])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; whatever of it is left then, or after too long, is killed."""
    started = processes.tree(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_AT_THE_END)
    for pid in processes.still_running(started):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _last_words(log: Path) -> str:
    """The last line that names an error, else the last of all."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "it printed nothing")

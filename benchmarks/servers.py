"""A contender's server: started, asked, and stopped with all its processes."""

import http.client
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.request import ProxyHandler, Request, build_opener

from benchmarks import processes
from benchmarks.bundle import ROOT, Numbers, Patient
from benchmarks.contender import Contender
from benchmarks.environments import ContenderError, last_line, variables

HOST: Final = "127.0.0.1"
PATIENCE: Final = 120.0
"""Seconds until a server that gives no right answer has failed."""
_STOP_PATIENCE: Final = 10.0
_PAUSE: Final = 0.005
_OPENER: Final = build_opener(ProxyHandler({}))


@dataclass(slots=True)
class Server:
    """A server that runs. It gave its first right answer ``ready_seconds`` after its start."""

    contender: Contender
    url: str
    pid: int
    ready_seconds: float = 0.0

    def post(self, body: bytes) -> bytes:
        """The body of the answer to one request.

        Raises:
            OSError: there is no answer, or its status is an error.
            http.client.HTTPException: the answer is not HTTP.
        """
        request = Request(self.url, body, {"Content-Type": "application/json"})
        with _OPENER.open(request, timeout=PATIENCE) as answer:
            content: bytes = answer.read()
        return content

    def is_right(self, patient: Patient, truth: Numbers) -> bool:
        """Ask for one patient; whether the answer is right."""
        try:
            return self.contender.json.is_right(self.post(self.contender.json.body(patient)), truth)
        except (OSError, http.client.HTTPException):
            return False


@contextmanager
def serving(contender: Contender, patient: Patient, truth: Numbers) -> Iterator[Server]:
    """Start a server, wait for its first right answer, and stop it when the block ends.

    Raises:
        ContenderError: it ended, or gave no right answer in time.
    """
    places = {"root": str(ROOT), **{name: _free_port() for name in ("port", "port_2", "port_3")}}
    program, *arguments = shlex.split(contender.command.format_map(places))
    log = contender.folder / f"{contender.name}.log"
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [contender.programs / program, *arguments],
            cwd=contender.run_folder,
            env=variables(contender, **places),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(contender, f"http://{HOST}:{places['port']}{contender.path}", process.pid)
    try:
        while not server.is_right(patient, truth):
            if process.poll() is not None:
                raise ContenderError(f"it ended: {last_line(log.read_text('utf-8', 'replace'))}")
            if time.perf_counter() - began > PATIENCE:
                raise ContenderError(f"no right answer within {PATIENCE:g} s")
            time.sleep(_PAUSE)
        server.ready_seconds = time.perf_counter() - began
        yield server
    finally:
        processes.stop(process, _STOP_PATIENCE)


def _free_port() -> str:
    """A port that nobody listens on."""
    with socket.create_server((HOST, 0)) as listener:
        return str(listener.getsockname()[1])

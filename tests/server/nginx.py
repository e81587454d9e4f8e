"""A real nginx with the project's example, real replicas behind it, and clients that send requests without a pause."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Self

from tests.server.running import JSON, PATIENCE, ROOT, SERVE, WORKER, Server, running

# Debian keeps it where only root looks.
NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
EXAMPLE = (ROOT / "config" / "nginx.conf").read_text("utf-8")
ADDRESSES = ("10.0.0.11:8000", "10.0.0.12:8000")
"""The replicas' in the example."""

# Around the example stands what Debian's nginx.conf has: `gzip on`, and as many processes as there are cores.
AROUND = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ }}
http {{
    gzip on;
    {temporary}
    include {folder}/heartapp.conf;
}}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
CLIENTS = 4


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@dataclass
class Replica:
    """heartapp at an address of its own, which stays the same when a test stops and starts it."""

    home: Path
    command: tuple[str, ...] = SERVE
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until a worker answers."""
        self._running = ExitStack()
        address = ("--port", str(self.port)) if self.command == SERVE else ("-b", self.address)
        one = running(self.home, *address, "--workers", "1", command=self.command, HEARTAPP_TRUSTED_PROXIES="1")
        self.server = self._running.enter_context(one)
        assert self.server.get("/livez").status == 200

    def stop(self) -> int:
        """End it as an operator would; its exit status."""
        with self._running:
            return self.server.stop()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it do nothing, while the kernel still takes connections and requests for it."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would."""
        with self._running:
            self._signal(signal.SIGKILL)
            self.server.wait()

    def _signal(self, number: signal.Signals) -> None:
        workers = re.findall(WORKER, self.server.log)
        for process in (self.server.process.pid, *map(int, workers)):
            with suppress(ProcessLookupError):
                os.kill(process, number)


@dataclass
class Balancer(Server):
    """nginx over the example, with a memory of who answered."""

    access_log: Path = field(kw_only=True)

    def asked(self) -> list[list[str]]:
        """For each request that is over, the addresses it was sent to; the last one answered."""
        return [line.split('"')[-4].split(", ") for line in self.access_log.read_text("utf-8").splitlines()]


@contextmanager
def balancing(folder: Path, replicas: Sequence[Replica], edits: Mapping[str, str] | None = None) -> Iterator[Balancer]:
    """nginx over the example, with some of its text replaced, in front of these replicas."""
    folder.mkdir()
    port, access_log = free_port(), folder / "access.log"
    example = EXAMPLE
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/var/log/nginx/heartapp.log": str(access_log),
        **{old: replica.address for old, replica in zip(ADDRESSES, replicas, strict=True)},
        **(edits or {}),
    }.items():
        assert old in example
        example = example.replace(old, new)
    (folder / "heartapp.conf").write_text(example, "utf-8")
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, temporary=temporary), "utf-8")

    assert NGINX is not None
    output = folder / "output.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [NGINX, "-e", "stderr", "-c", folder / "nginx.conf"], stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    balancer = Balancer(process, output, port, access_log=access_log)
    try:
        balancer.wait_for_log(r"(start worker process) \d+")
        yield balancer
    finally:
        assert balancer.stop() == 0


class Load:
    """Clients that send one request after another, each on its own connection, and check every answer.

    Args:
        server: where to send them.
        answers: the right answer's body by the request's.
        headers: more headers of each request.
    """

    def __init__(self, server: Server, answers: Mapping[bytes, bytes], **headers: str) -> None:
        self.failures: list[str] = []
        self._server = server
        self._answers = answers
        self._headers = JSON | headers
        self._right = 0
        self._over = threading.Event()
        self._counting = threading.Condition()
        self._clients = [threading.Thread(target=self._ask, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for client in self._clients:
            client.join()

    def wait_for_more(self, number: int = 100) -> None:
        """Wait until that many more requests were answered rightly."""
        with self._counting:
            enough = self._right + number
            assert self._counting.wait_for(lambda: self._right >= enough, PATIENCE), self.failures

    def _ask(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=PATIENCE)) as connection:
            for question, right in cycle(self._answers.items()):
                if self._over.is_set():
                    return
                failure = self._failure(connection, question, right)
                with self._counting:
                    self._right += failure is None
                    self._counting.notify_all()
                if failure:
                    self.failures.append(failure)

    def _failure(self, connection: http.client.HTTPConnection, question: bytes, right: bytes) -> str | None:
        """What went wrong with one request."""
        try:
            connection.request("POST", "/api/v1/predict", question, self._headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return repr(error)
        if response.status != http.HTTPStatus.OK:
            return f"{response.status} {response.reason}"
        return None if body == right else "a wrong answer"

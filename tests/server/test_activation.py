"""Socket activation: systemd, here a few lines of Python, keeps the socket while the service restarts."""

import socket
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.server.nginx import Load
from tests.server.running import GUNICORN, running

ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_restarts_of_a_service_whose_socket_stays_open_lose_no_request(
    home: Path, answers: dict[bytes, bytes], connection: str
) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        socket_fd = listener.fileno()
        command = (sys.executable, "-c", ACTIVATE, str(socket_fd), *GUNICORN[:-2])
        start = partial(running, home, "--workers", "1", command=command, pass_fds=(socket_fd,))
        server = stack.enter_context(start())
        assert server.port == listener.getsockname()[1]
        with Load(server, answers, Connection=connection) as load:
            for _ in range(2):
                load.wait_for_more()
                assert server.stop() == 0
                server = stack.enter_context(start())
            load.wait_for_more()
    assert load.failures == []

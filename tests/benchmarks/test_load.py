"""wrk's answers are compared, every one: with a real wrk and a small real server."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING

import pytest

from benchmarks.load import load, missing
from tests.conftest import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BODY, RIGHT = b'{"age": 62}', b'{"risk": 0.25}'


@contextmanager
def answering(answer: Callable[[int], tuple[int, bytes]]) -> Iterator[str]:
    """A server that answers its n-th request so, if the request is what it should be."""
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.rfile.read(int(self.headers["Content-Length"])) == BODY
            assert self.headers["Content-Type"] == "application/json"
            status, content = answer(next(numbers))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/predict"
        server.shutdown()
        thread.join()


def test_a_server_that_is_always_right_has_no_errors() -> None:
    require(shutil.which("wrk") is not None, "wrk is not installed")
    with answering(lambda _: (200, RIGHT)) as url:
        seen = load(url, BODY, RIGHT, 1)

    assert seen.errors == 0
    assert seen.requests > 0
    assert 0 < seen.p50_ms <= seen.p99_ms


@pytest.mark.parametrize("wrong", [(200, b'{"risk": 0.26}'), (500, RIGHT)], ids=["another answer", "another status"])
def test_every_other_answer_being_wrong_is_counted(wrong: tuple[int, bytes]) -> None:
    require(shutil.which("wrk") is not None, "wrk is not installed")
    with answering(lambda number: wrong if number % 2 else (200, RIGHT)) as url:
        seen = load(url, BODY, RIGHT, 1)

    assert abs(seen.errors - seen.requests / 2) <= 16


def test_who_has_no_wrk_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert "apt install wrk" in (missing() or "")

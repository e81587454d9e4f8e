"""wrk compares every answer: a real wrk and a small real server."""

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest

from benchmarks.load import CONNECTIONS, load
from tests.conftest import require

BODY, RIGHT = b'{"age": 62}', b'{"risk": 0.25}'


@pytest.mark.parametrize(
    ("second", "share"),
    [((200, RIGHT), 0), ((200, b'{"risk": 0.26}'), 1 / 2), ((500, RIGHT), 1 / 2)],
    ids=["right", "another answer", "another status"],
)
def test_wrong_answers_are_counted(second: tuple[int, bytes], share: float) -> None:
    require(shutil.which("wrk") is not None, "wrk is not installed")
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.rfile.read(int(self.headers["Content-Length"])) == BODY
            status, content = second if next(numbers) % 2 else (200, RIGHT)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        seen = load(f"http://127.0.0.1:{server.server_port}/predict", BODY, RIGHT, 1)
        server.shutdown()
        thread.join()
    assert seen.requests > 0
    assert abs(seen.errors - seen.requests * share) <= (CONNECTIONS if share else 0)
    assert 0 < seen.p50_ms <= seen.p99_ms

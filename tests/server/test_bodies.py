"""Bodies that lie about their length, come in chunks, are malformed or too large."""

import http.client
import re
import socket
from contextlib import closing

import pytest

from heartapp.config import Settings
from heartapp.web.body import READ_UP_TO
from tests.server.running import BEDSIDE_EXAMPLE, BODY, HALF_SENT, HEAD, JSON, Answer, Server

NEXT = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
MOST = Settings().max_body_bytes


def send_raw(server: Server, content: bytes) -> Answer:
    """Send bytes as they are, and say that none follow; the answer."""
    with closing(server.connect()) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        with response:
            return Answer(response.status, response.headers, response.read())


def send_and_read_all(server: Server, content: bytes) -> bytes:
    """Send bytes as they are; all that comes back until the server closes the connection."""
    with closing(server.connect()) as connection:
        connection.sendall(content)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status


def test_a_body_shorter_than_its_content_length_is_the_clients_error(server: Server) -> None:
    assert_problem(send_raw(server, HEAD + b"Content-Length: 500\r\n\r\n" + BODY), 400)
    form = HEAD.replace(b"/api/v1/predict", b"/predict").replace(b"json", b"x-www-form-urlencoded")
    assert send_raw(server, form + b"Content-Length: 500\r\n\r\n" + BODY).status == 400


def test_a_client_that_goes_away_within_its_body_does_no_harm(server: Server) -> None:
    # gunicorn has four threads here: five answers mean that no thread was lost for good.
    for _ in range(5):
        with closing(server.connect()) as connection:
            connection.sendall(HALF_SENT)
    assert [server.predict(BEDSIDE_EXAMPLE).status for _ in range(5)] == [200] * 5
    assert "Traceback" not in server.log


def test_a_body_in_chunks_is_answered_as_one_of_known_length(server: Server) -> None:
    chunked = server.request("POST", "/api/v1/predict", iter([BODY[:7], BODY[7:]]), JSON)
    assert chunked.status == 200
    assert chunked.json == server.predict(BEDSIDE_EXAMPLE).json


@pytest.mark.parametrize(
    "chunks",
    [b"61.7319\r\n{}\r\n0\r\n\r\n", b"2\r\n{61.7319}\r\n0\r\n\r\n"],
    ids=["no size", "a chunk that is too long"],
)
def test_malformed_chunks_are_the_clients_error(server: Server, chunks: bytes) -> None:
    answer = send_raw(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert_problem(answer, 400)
    assert 'File "' not in server.log
    assert "61.7319" not in answer.text + server.log


def test_a_body_without_a_length_is_neither_logged_nor_quoted(server: Server) -> None:
    received = send_and_read_all(server, HEAD + b'\r\n{"age":61.7319}\r\n\r\n')
    assert set(re.findall(rb"HTTP/1\.1 (\d+)", received)) == {b"400"}
    assert "61.7319" not in received.decode() + server.log


@pytest.mark.parametrize("line", [b'{"age":61.7319}', b"GET /?age=61.7319", b"GET / HTTP/1.1\r\nage 61.7319: 1"])
def test_a_malformed_request_is_not_logged(server: Server, line: bytes) -> None:
    assert send_raw(server, line + b"\r\n\r\n").status == 400
    assert "61.7319" not in server.log


def test_a_client_cannot_set_the_prefix_of_addresses(server: Server) -> None:
    for name in ("SCRIPT_NAME", "Script-Name", "X-Forwarded-Prefix"):
        answer = server.request("GET", "/predict", headers={name: "//evil.example"})
        assert (answer.status, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("chunked", [False, True], ids=["of known length", "in chunks"])
def test_a_client_that_sends_all_of_too_large_a_body_gets_the_answer(server: Server, *, chunked: bool) -> None:
    body = bytes(READ_UP_TO * MOST - 1)
    answer = server.request("POST", "/api/v1/predict", iter([body[:MOST], body[MOST:]]) if chunked else body, JSON)
    assert_problem(answer, 413)
    assert f"{MOST:,} bytes" in answer.json["detail"]


def test_a_refusal_for_another_reason_gets_through_a_large_body(server: Server) -> None:
    assert_problem(server.request("POST", "/api/v1/predict?x=1", bytes(MOST), JSON), 400)


def test_what_follows_a_refused_body_is_not_taken_for_another_request(server: Server) -> None:
    body = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".rjust(MOST + 1)
    received = send_and_read_all(server, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body + NEXT)
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"413", b"200"]
    assert b'"models"' in received

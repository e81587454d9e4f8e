"""Bodies that lie about their length, come in chunks or are too large."""

from __future__ import annotations

import http.client
import json
import re
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from heartapp.api.body import READ_UP_TO
from heartapp.config import Settings
from tests.server.running import BEDSIDE_EXAMPLE, PROGRAMS, SECRET, Answer, make_home, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.running import Server

HEAD = "POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def read_answer(connection: socket.socket) -> Answer:
    response = http.client.HTTPResponse(connection)
    response.begin()
    with response:
        return Answer(response.status, response.headers, response.read())


def send_raw(server: Server, content: bytes, *, end: bool = False) -> Answer:
    """Send bytes as they are, ``end`` says that none follow; the answer."""
    with closing(server.connect()) as connection:
        connection.sendall(content)
        if end:
            connection.shutdown(socket.SHUT_WR)
        return read_answer(connection)


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status


@pytest.mark.parametrize("sent", [b"{", json.dumps(BEDSIDE_EXAMPLE).encode()], ids=["cut off", "whole in itself"])
def test_a_body_shorter_than_its_content_length_is_the_clients_error(server: Server, sent: bytes) -> None:
    answer = send_raw(server, HEAD.encode() + b"Content-Length: 500\r\n\r\n" + sent, end=True)
    assert_problem(answer, 400)
    assert server.predict(BEDSIDE_EXAMPLE).status == 200
    assert "Traceback" not in server.log


def test_a_form_that_is_cut_off_is_the_clients_error(server: Server) -> None:
    form = HEAD.replace("/api/v1/predict", "/predict").replace("json", "x-www-form-urlencoded")
    answer = send_raw(server, form.encode() + b"Content-Length: 500\r\n\r\nage=6", end=True)
    assert answer.status == 400
    assert "The request could not be read." in answer.text


def test_a_client_that_goes_away_within_its_body_does_no_harm(server: Server) -> None:
    for head in (HEAD, HEAD.replace("/api/v1/predict", "/predict").replace("json", "x-www-form-urlencoded")):
        with closing(server.connect()) as connection:
            connection.sendall(head.encode() + b"Content-Length: 500\r\n\r\nage=")
    # gunicorn has four threads here: five answers mean that no thread was lost for good.
    assert [server.predict(BEDSIDE_EXAMPLE).status for _ in range(5)] == [200] * 5
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    "chunks",
    [b"61.7319\r\n{}\r\n0\r\n\r\n", b"2\r\n{61.7319}\r\n0\r\n\r\n", b'20\r\n{"age":61.7319}\r\n0\r\n\r\n'],
    ids=["no size", "a chunk that is too long", "a chunk that is too short"],
)
def test_malformed_chunks_are_the_clients_error(server: Server, chunks: bytes) -> None:
    answer = send_raw(server, HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, end=True)
    assert_problem(answer, 400)
    assert "Traceback" not in server.log
    assert 'File "' not in server.log
    assert "61.7319" not in answer.text + server.log


def test_a_body_without_a_length_is_neither_logged_nor_quoted(server: Server) -> None:
    with closing(server.connect()) as connection:
        connection.sendall(HEAD.encode() + b'\r\n{"age":61.7319}\r\n\r\n')
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert set(re.findall(rb"HTTP/1\.1 (\d+)", received)) == {b"400"}
    assert "61.7319" not in received.decode() + server.log


@pytest.mark.parametrize("line", ['{"age":61.7319}', "GET /?age=61.7319", "GET / HTTP/1.1\r\nage 61.7319: 1"])
def test_a_malformed_request_is_not_logged(server: Server, line: str) -> None:
    assert send_raw(server, f"{line}\r\n\r\n".encode()).status == 400
    assert "61.7319" not in server.log


def test_a_body_in_chunks_is_answered_as_one_of_known_length(server: Server) -> None:
    body = json.dumps(BEDSIDE_EXAMPLE).encode()
    pieces = iter([body[:7], body[7:]])
    chunked = server.request("POST", "/api/v1/predict", pieces, {"Content-Type": "application/json"})
    assert chunked.status == 200
    assert chunked.json == server.predict(BEDSIDE_EXAMPLE).json


def test_a_body_that_claims_to_be_far_larger_than_the_limit_is_refused_unread(server: Server) -> None:
    claimed = READ_UP_TO * Settings().max_body_bytes + 1
    answer = send_raw(server, f"{HEAD}Content-Length: {claimed}\r\n\r\n".encode())
    assert_problem(answer, 413)


@pytest.mark.parametrize("chunked", [False, True], ids=["of known length", "in chunks"])
def test_who_sends_the_whole_of_too_large_a_body_before_reading_gets_the_answer(
    server: Server, *, chunked: bool
) -> None:
    body = bytes(READ_UP_TO * Settings().max_body_bytes - 1)
    sent = iter([body[:1_000_000], body[1_000_000:]]) if chunked else body
    answer = server.request("POST", "/api/v1/predict", sent, {"Content-Type": "application/json"})
    assert_problem(answer, 413)
    assert f"larger than {Settings().max_body_bytes:,} bytes" in answer.json["detail"]


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?x=1", {}, 400),
        ("", {"Content-Type": "text/plain"}, 415),
        ("", {"Content-Encoding": "gzip"}, 415),
    ],
    ids=["a parameter", "a media type", "a coding"],
)
def test_a_refusal_for_another_reason_gets_through_too(
    server: Server, query: str, headers: dict[str, str], status: int
) -> None:
    body = bytes(Settings().max_body_bytes)
    headers = {"Content-Type": "application/json", **headers}
    assert_problem(server.request("POST", f"/api/v1/predict{query}", body, headers), status)


def test_a_client_that_goes_away_within_too_large_a_body_does_no_harm(server: Server) -> None:
    for _ in range(5):
        with closing(server.connect()) as connection:
            connection.sendall(f"{HEAD}Content-Length: {Settings().max_body_bytes + 1}\r\n\r\n{{".encode())
    assert server.predict(BEDSIDE_EXAMPLE).status == 200
    assert "Traceback" not in server.log


@pytest.fixture(scope="module", params=[*PROGRAMS.values()], ids=[*PROGRAMS])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each server in turn, taking bodies of 1024 bytes at most."""
    home = make_home(tmp_path_factory.mktemp("small") / "home")
    settings = {"HEARTAPP_MAX_BODY_BYTES": "1024", "HEARTAPP_SECRET_KEY": SECRET}
    with running(home, "--workers", "1", command=request.param, **settings) as one:
        yield one


@pytest.mark.parametrize("chunked", [False, True], ids=["of known length", "in chunks"])
def test_a_body_larger_than_the_limit_is_refused(small: Server, *, chunked: bool) -> None:
    body = json.dumps(BEDSIDE_EXAMPLE).encode().ljust(1025)
    json_type = {"Content-Type": "application/json"}
    assert small.request("POST", "/api/v1/predict", body[:1024], json_type).status == 200
    assert_problem(small.request("POST", "/api/v1/predict", iter([body]) if chunked else body, json_type), 413)


def test_what_follows_a_refused_body_is_not_taken_for_another_request(small: Server) -> None:
    body = SMUGGLED.rjust(2000)
    next_request = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with closing(small.connect()) as connection:
        connection.sendall(HEAD.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body + next_request)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"413", b"200"]
    assert b'"models"' in received

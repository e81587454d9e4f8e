"""Clients that send slowly or not at all, beside clients that want an answer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from heartapp.serve import BLOCKING_THREADS
from tests.server.nginx import Balancer
from tests.server.running import BEDSIDE_EXAMPLE, HALF_SENT, HEAD, SERVE, Server

SENT = {"nothing": b"", "headers": HEAD, "bodies": HALF_SENT}
"""How far each kind of slow client gets."""
GRANIAN = pytest.mark.parametrize("server", [SERVE], ids=["granian"], indirect=True)


@contextmanager
def slow_clients(kind: str, number: int, server: Server) -> Iterator[None]:
    """Connections on which that much of a request was sent, and no more comes."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(server.connect()).sendall(SENT[kind])
        yield


@GRANIAN
@pytest.mark.parametrize(("kind", "number"), [("nothing", 500), ("headers", 500), ("bodies", BLOCKING_THREADS - 1)])
def test_granian_answers_beside_slow_clients(server: Server, kind: str, number: int) -> None:
    with slow_clients(kind, number, server):
        assert server.predict(BEDSIDE_EXAMPLE).status == 200


@GRANIAN
def test_granian_answers_again_when_more_slow_bodies_than_it_has_threads_are_gone(server: Server) -> None:
    with slow_clients("bodies", BLOCKING_THREADS + 10, server):
        pass
    assert server.predict(BEDSIDE_EXAMPLE).status == 200


@pytest.mark.nginx
@pytest.mark.parametrize("kind", SENT)
def test_nginx_keeps_slow_clients_from_the_servers_behind_it(balancer: Balancer, kind: str) -> None:
    with slow_clients(kind, 100, balancer):
        assert balancer.predict(BEDSIDE_EXAMPLE).status == 200

"""Clients that send slowly or not at all, beside clients that want an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heartapp.serve import BLOCKING_THREADS
from tests.server.running import BEDSIDE_EXAMPLE, make_home, running
from tests.server.slow import main, slow_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.nginx import Balancer
    from tests.server.running import Server


@pytest.fixture(scope="module")
def granian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Granian with one worker."""
    with running(make_home(tmp_path_factory.mktemp("slow") / "home"), "--workers", "1") as server:
        yield server


@pytest.mark.parametrize(("kind", "number"), [("nothing", 500), ("headers", 500), ("bodies", BLOCKING_THREADS - 1)])
def test_granian_answers_beside_slow_clients(granian: Server, kind: str, number: int) -> None:
    with slow_clients(kind, number, granian.port):
        assert granian.predict(BEDSIDE_EXAMPLE).status == 200


def test_granian_answers_again_when_more_slow_bodies_than_it_has_threads_are_gone(granian: Server) -> None:
    with slow_clients("bodies", BLOCKING_THREADS + 10, granian.port):
        pass
    assert granian.predict(BEDSIDE_EXAMPLE).status == 200


@pytest.mark.nginx
@pytest.mark.parametrize("kind", ["nothing", "headers", "bodies"])
def test_nginx_keeps_slow_clients_from_the_servers_behind_it(balancer: Balancer, kind: str) -> None:
    with slow_clients(kind, 100, balancer.port):
        assert balancer.predict(BEDSIDE_EXAMPLE).status == 200


def test_the_command_that_measures_slow_clients_prints_both_figures(
    granian: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    main(granian.port, "headers", 10)
    alone, beside = capsys.readouterr().out.splitlines()
    assert alone.startswith("alone: p99 ")
    assert beside.startswith("beside 10 slow headers: p99 ")

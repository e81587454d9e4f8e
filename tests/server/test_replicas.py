"""Replicas behind nginx that are pulled away while clients ask without a pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.client import damaged_copy
from tests.server.nginx import CLIENTS, Load, Replica, balancing
from tests.server.running import BEDSIDE_EXAMPLE, make_home, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.nginx import Balancer

pytestmark = pytest.mark.nginx

Replicas = tuple[Replica, Replica]


def test_replicas_restarted_one_after_the_other_fail_no_request(
    replicas: Replicas, balancer: Balancer, answers: dict[bytes, bytes]
) -> None:
    with Load(balancer, answers) as load:
        # The second goes as soon as the first is back: nginx gets no time to learn that it is.
        for replica, other in (replicas, replicas[::-1]):
            load.wait_for_more()
            assert replica.stop() == 0
            load.wait_for_more()
            before = len(balancer.asked())
            load.wait_for_more()
            assert {addresses[-1] for addresses in balancer.asked()[before:]} == {other.address}
            replica.start()
            assert replica.server.get("/readyz").status == 200
    assert load.failures == []


def pull_with_requests_in_hand(replica: Replica, balancer: Balancer, answers: dict[bytes, bytes]) -> list[str]:
    """Kill a replica that was sent requests and has answered none of them; what failed."""
    with Load(balancer, answers) as load:
        load.wait_for_more()  # From here on nginx holds connections to both.
    assert load.failures == []
    with replica.frozen(), Load(balancer, answers) as load:
        load.wait_for_more()
        replica.kill()
        load.wait_for_more()
    replica.start()
    return load.failures


def test_a_replica_that_dies_with_requests_in_hand_fails_none_of_them(
    replicas: Replicas, balancer: Balancer, answers: dict[bytes, bytes]
) -> None:
    pulled, other = replicas
    assert pull_with_requests_in_hand(pulled, balancer, answers) == []
    assert [pulled.address, other.address] in balancer.asked()


def kill_while_it_answers(replica: Replica, balancer: Balancer, answers: dict[bytes, bytes]) -> list[str]:
    """Kill a replica under load; what failed."""
    with Load(balancer, answers) as load:
        load.wait_for_more()
        replica.kill()
        load.wait_for_more()
    replica.start()
    return load.failures


def test_granian_killed_while_it_answers_fails_no_request(
    replicas: Replicas, balancer: Balancer, answers: dict[bytes, bytes]
) -> None:
    assert kill_while_it_answers(replicas[1], balancer, answers) == []


def test_gunicorn_killed_while_it_answers_cuts_off_only_answers_it_had_begun(
    replicas: Replicas, balancer: Balancer, answers: dict[bytes, bytes]
) -> None:
    # It sends headers and body apart. Once nginx has passed on the headers, it cannot ask another replica.
    failures = kill_while_it_answers(replicas[0], balancer, answers)
    assert len(failures) <= CLIENTS
    assert all(failure.startswith("IncompleteRead") for failure in failures)


def test_a_replica_that_hangs_keeps_requests_waiting_and_fails_none(
    tmp_path: Path, replicas: Replicas, answers: dict[bytes, bytes]
) -> None:
    hung, other = replicas
    patience = {"proxy_read_timeout 10s": "proxy_read_timeout 2s"}
    with balancing(tmp_path / "nginx", replicas, patience) as balancer, hung.frozen():
        with Load(balancer, answers) as load:
            wait_until(lambda: [hung.address, other.address] in balancer.asked(), "nginx asks the other replica")
        assert load.failures == []


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """A replica that lives and is not ready: its bedside bundle is damaged."""
    folder = tmp_path_factory.mktemp("damaged")
    replica = Replica(make_home(folder / "home", models=damaged_copy(folder / "models", "bedside")))
    yield replica
    replica.stop()


def test_a_replica_that_is_not_ready_is_passed_over(tmp_path: Path, replicas: Replicas, damaged: Replica) -> None:
    good = replicas[1]
    with balancing(tmp_path / "nginx", (damaged, good)) as balancer:
        assert [balancer.predict(BEDSIDE_EXAMPLE).status for _ in range(4)] == [200] * 4
        assert [damaged.address, good.address] in balancer.asked()


def test_where_no_replica_is_ready_heartapps_own_words_arrive(tmp_path: Path, damaged: Replica) -> None:
    with balancing(tmp_path / "nginx", (damaged, damaged)) as balancer:
        for _ in range(4):
            answer = balancer.predict(BEDSIDE_EXAMPLE)
            assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")

"""Replicas behind nginx that stop, die or hang while clients send requests without a pause."""

from pathlib import Path

import pytest

from tests.client import damaged_copy
from tests.server.nginx import CLIENTS, Balancer, Load, Replica, balancing
from tests.server.running import BEDSIDE_EXAMPLE, make_home, wait_until

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


def test_a_replica_that_dies_with_requests_in_hand_fails_none_of_them(
    replicas: Replicas, balancer: Balancer, answers: dict[bytes, bytes]
) -> None:
    pulled, other = replicas
    with Load(balancer, answers) as before:
        before.wait_for_more()  # From here on nginx holds connections to both.
    with pulled.frozen(), Load(balancer, answers) as load:
        load.wait_for_more()
        pulled.kill()
        load.wait_for_more()
    pulled.start()
    assert before.failures == load.failures == []
    assert [pulled.address, other.address] in balancer.asked()


# gunicorn sends headers and body apart. Once nginx has passed on the headers, it cannot ask another replica.
@pytest.mark.parametrize(("number", "cut_off"), [(0, CLIENTS), (1, 0)], ids=["gunicorn", "granian"])
def test_a_server_killed_while_it_answers_cuts_off_at_most_answers_that_had_begun(
    replicas: Replicas, balancer: Balancer, answers: dict[bytes, bytes], number: int, cut_off: int
) -> None:
    with Load(balancer, answers) as load:
        load.wait_for_more()
        replicas[number].kill()
        load.wait_for_more()
    replicas[number].start()
    assert len(load.failures) <= cut_off
    assert all(failure.startswith("IncompleteRead") for failure in load.failures)


def test_a_replica_that_hangs_keeps_requests_waiting_and_fails_none(
    tmp_path: Path, replicas: Replicas, answers: dict[bytes, bytes]
) -> None:
    hung, other = replicas
    patience = {"proxy_read_timeout 10s": "proxy_read_timeout 2s"}
    with balancing(tmp_path / "nginx", replicas, patience) as balancer, hung.frozen():
        with Load(balancer, answers) as load:
            wait_until(lambda: [hung.address, other.address] in balancer.asked(), "nginx asks the other replica")
        assert load.failures == []


def test_a_replica_that_is_not_ready_is_passed_over_and_answers_where_none_is(
    tmp_path: Path, replicas: Replicas
) -> None:
    damaged = Replica(make_home(tmp_path / "home", models=damaged_copy(tmp_path / "models", "bedside")))
    good = replicas[1]
    with balancing(tmp_path / "mixed", (damaged, good)) as balancer:
        assert [balancer.predict(BEDSIDE_EXAMPLE).status for _ in range(4)] == [200] * 4
        assert [damaged.address, good.address] in balancer.asked()
    with balancing(tmp_path / "none", (damaged, damaged)) as balancer:
        answer = balancer.predict(BEDSIDE_EXAMPLE)
        assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
    damaged.stop()

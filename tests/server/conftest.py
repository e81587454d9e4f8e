"""Servers, and replicas behind a balancer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.nginx import NGINX, Balancer, Replica, balancing
from tests.server.running import BEDSIDE_EXAMPLE, GUNICORN, PROGRAMS, Server, make_home, running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without nginx one test says so, by a skip or a failure, and those that need it are left out."""
    if NGINX is None:
        left_out = [item for item in items if item.get_closest_marker("nginx")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of this test's own."""
    return make_home(tmp_path / "home")


@pytest.fixture(params=[*PROGRAMS.values()], ids=[*PROGRAMS])
def program(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The command of each server in turn, for tests that start one of their own."""
    command: tuple[str, ...] = request.param
    return command


@pytest.fixture
def own_server(home: Path, program: tuple[str, ...]) -> Iterator[Server]:
    """Each server in turn, with one worker, for tests that send it signals."""
    with running(home, "--workers", "1", command=program) as one:
        assert one.get("/readyz").status == 200
        yield one


@pytest.fixture(scope="session", params=[*PROGRAMS.values()], ids=[*PROGRAMS])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each server in turn, with one worker, for tests that leave it as it was."""
    home = make_home(tmp_path_factory.mktemp("server") / "home")
    with running(home, "--workers", "1", command=request.param) as one:
        yield one


@pytest.fixture(scope="session")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replica, Replica]]:
    """A replica under each server, with the same models and the same key. A test that stops one starts it again."""
    folder = tmp_path_factory.mktemp("replicas")
    both = Replica(make_home(folder / "one"), GUNICORN), Replica(make_home(folder / "two"))
    yield both
    for replica in both:
        replica.stop()


@pytest.fixture
def balancer(tmp_path: Path, replicas: tuple[Replica, Replica]) -> Iterator[Balancer]:
    """A new nginx with the project's example in front of both replicas."""
    with balancing(tmp_path / "nginx", replicas) as one:
        yield one


@pytest.fixture(scope="session")
def answers(replicas: tuple[Replica, Replica]) -> dict[bytes, bytes]:
    """The bodies of requests for several patients, each with the body of its answer."""
    patients = [{**BEDSIDE_EXAMPLE, "age": age} for age in range(40, 96, 5)]
    return {json.dumps(patient).encode(): replicas[0].server.predict(patient).body for patient in patients}

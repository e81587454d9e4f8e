"""Homes and servers for the tests of the real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.running import make_home, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.running import Server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of this test's own."""
    return make_home(tmp_path / "home")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that many tests ask and none harms: one worker, so that its log and its answers have one source."""
    with running(make_home(tmp_path_factory.mktemp("server") / "home"), "--workers", "1") as one:
        yield one

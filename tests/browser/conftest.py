"""One server and one browser for all of these tests, and a new context for each page."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.pages import Watch
from tests.server.running import Server, make_home, running

HERE = Path(__file__).parent
FINDER = "test_chromium_is_there_for_the_browser_tests"
CHROMIUM = os.environ.get("HEARTAPP_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The browser's own note on an answer such as 422.
STATUS_NOTE = r"^Failed to load resource: the server responded with a status of \d+"


class Open(Protocol):
    """Opens a page in a new context."""

    def __call__(
        self, path: str = "/", *, expected_errors: str = ..., base: str | None = ..., **options: Any
    ) -> Page: ...


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without Chromium, one test skips or fails and says why; the others of this folder are deselected."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker("browser")
    if CHROMIUM is None:
        left_out = [item for item in ours if item.name != FINDER]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The shipped models, served as `make run` does."""
    with running(make_home(tmp_path_factory.mktemp("browser") / "home")) as one:
        yield one


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Open]:
    """Opens pages, each in a new context. After the test, no page may have reported an error."""
    contexts: list[BrowserContext] = []
    watches: list[Watch] = []

    def open_in_context(
        path: str = "/", *, expected_errors: str = STATUS_NOTE, base: str | None = None, **options: Any
    ) -> Page:
        origin = base or server.url
        context = browser.new_context(base_url=origin, **options)
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        watch = Watch(origin, re.compile(expected_errors))
        watch.follow(page)
        watches.append(watch)
        page.goto(path)
        return page

    yield open_in_context
    for context in contexts:
        context.close()
    assert [watch.faults for watch in watches if watch.faults] == []


@pytest.fixture
def page(open_page: Open) -> Page:
    """The form on a desktop."""
    return open_page(viewport={"width": 1280, "height": 800})

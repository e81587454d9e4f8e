"""axe-core in every state: WCAG 2.2 A and AA, and its best practices. No state is wider than a phone."""

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.browser.states import STATES

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
PHONE = 320
SCREENS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (1280, "dark"), (PHONE, "light"))


@pytest.mark.parametrize("reach", STATES.values(), ids=STATES)
def test_no_violation_in_light_in_dark_and_on_a_phone(open_page: Open, reach: Callable[[Page], None]) -> None:
    page = open_page(reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    reach(page)
    check(page)


def check(page: Page) -> None:
    """Run axe on the page as it is, on each screen; the last one is a phone."""
    for width, scheme in SCREENS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        answer = Axe().run(page, options=OPTIONS).response
        assert len(answer["passes"]) > 20, "axe hardly looked at the page"  # the rules that it applied
        found = [
            f"{rule['id']}: {node['html']} {node['failureSummary']}"
            for rule in answer["violations"]
            for node in rule["nodes"]
        ]
        assert (width, scheme, found) == (width, scheme, [])
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE

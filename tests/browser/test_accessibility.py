"""axe-core in every state: WCAG 2.2 A and AA, and its best practices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types

from tests.browser.states import STATES

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Open

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
SCREENS: dict[str, tuple[int, Literal["light", "dark"]]] = {
    "light": (1280, "light"),
    "dark": (1280, "dark"),
    "320 px": (320, "light"),
}


@pytest.mark.parametrize("reach", STATES.values(), ids=STATES)
def test_axe_finds_no_violation_in_light_in_dark_and_on_a_phone(open_page: Open, reach: Callable[[Page], None]) -> None:
    page = open_page(reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    reach(page)
    found = {screen: violations(page, width, scheme) for screen, (width, scheme) in SCREENS.items()}
    assert found == {screen: [] for screen in SCREENS}


def violations(page: Page, width: int, scheme: Literal["light", "dark"]) -> list[str]:
    """Rule, element and reason of each violation on such a screen."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    answer = Axe().run(page, options=OPTIONS).response
    assert len(answer["passes"]) > 20, "axe hardly looked at the page"  # the rules that it applied
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in answer["violations"]
        for node in rule["nodes"]
    ]

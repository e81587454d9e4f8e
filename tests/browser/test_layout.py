"""How the pages stand on a phone, a desktop, in the dark and on paper."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.pages import BEDSIDE, BUTTON, EXTREMES, show_result
from tests.browser.states import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playwright.sync_api import Page

    from tests.browser.conftest import Open

WIDER_THAN_THE_SCREEN = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
LUMINANCE = """() => {
    const [red, green, blue] = getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number);
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}"""


@pytest.mark.parametrize("reach", STATES.values(), ids=STATES)
def test_nothing_is_wider_than_a_phone(open_page: Open, reach: Callable[[Page], None]) -> None:
    page = open_page(viewport={"width": 320, "height": 640}, has_touch=True)
    reach(page)
    assert page.evaluate(WIDER_THAN_THE_SCREEN) == 0


def test_the_result_stands_under_the_form_on_a_phone_and_beside_it_on_a_desktop(page: Page) -> None:
    for width, beside in ((1280, True), (320, False)):
        page.set_viewport_size({"width": width, "height": 800})
        form, result = page.locator("#patient").bounding_box(), page.locator("#result").bounding_box()
        assert form
        assert result
        assert (result["x"] >= form["x"] + form["width"]) is beside
        assert (result["y"] >= form["y"] + form["height"]) is not beside


def test_the_result_stays_in_view_while_the_form_is_scrolled(page: Page) -> None:
    show_result(page, BEDSIDE)
    for selector in (BUTTON, "#age"):
        page.locator(selector).scroll_into_view_if_needed()
        expect(page.locator("#result .verdict")).to_be_in_viewport(ratio=1)
        expect(page.locator("#risk")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollHeight > innerHeight + 200")


@pytest.mark.parametrize(
    ("values", "model"), [(BEDSIDE, "bedside"), (EXTREMES, "followup")], ids=["plain", "with every caution"]
)
def test_a_result_prints_on_one_page(page: Page, values: Mapping[str, str], model: str) -> None:
    show_result(page, values, model)
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1


def test_what_is_printed_shows_values_and_result_and_no_controls(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.emulate_media(media="print")
    for seen in ("#age", "#risk", "#result .verdict", ".arrays", ".colophon"):
        expect(page.locator(seen)).to_be_visible()
    for unseen in (BUTTON, "#example", "nav", "#time"):
        expect(page.locator(unseen)).to_be_hidden()


def test_the_first_screen_of_a_desktop_shows_verdict_risk_icons_and_range(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.evaluate("scrollTo(0, 0)")
    for selector in ("#result .verdict", "#risk", ".arrays", "#instability strong"):
        expect(page.locator(selector)).to_be_in_viewport(ratio=1)


def test_every_part_is_printed_folded_or_not(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.click("#by-when summary")
    page.emulate_media(media="print")
    for seen in (".curve", "#why p", "#turning .fine", "#votes table"):
        expect(page.locator(seen).first).to_be_visible()
    expect(page.locator("#field-sex input:checked + label")).to_be_visible()
    expect(page.locator("#field-sex input:not(:checked) + label").first).to_be_hidden()


def test_the_page_is_dark_for_those_who_want_it_dark(open_page: Open) -> None:
    assert open_page(color_scheme="dark").evaluate(LUMINANCE) < 0.15
    assert open_page(color_scheme="light").evaluate(LUMINANCE) > 0.85


def test_without_motion_nothing_moves_for_those_who_want_none(open_page: Open) -> None:
    page = open_page(reduced_motion="reduce")
    durations = page.evaluate(
        "() => [...document.querySelectorAll('*')].map(element => getComputedStyle(element).animationDuration)"
    )
    assert set(durations) == {"0s"}

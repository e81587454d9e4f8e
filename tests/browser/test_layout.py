"""The layout on a phone, on a desktop, in the dark, in forced colours and on paper."""

import re
from collections.abc import Mapping

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.pages import (
    BEDSIDE,
    BUTTON,
    EXTREMES,
    UNFAMILIAR,
    expect_result,
    expect_trouble,
    fill,
    press,
    show_result,
)
from tests.browser.states import compared

LUMINANCE = """() => {
    const [red, green, blue] = getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number);
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}"""


def on_a_phone(open_page: Open) -> Page:
    return open_page(viewport={"width": 320, "height": 640}, has_touch=True)


def test_the_result_is_below_the_form_on_a_phone_and_beside_it_on_a_desktop(page: Page) -> None:
    for width, beside in ((1280, True), (320, False)):
        page.set_viewport_size({"width": width, "height": 800})
        form, result = page.locator("#patient").bounding_box(), page.locator("#result").bounding_box()
        assert form
        assert result
        assert (result["x"] >= form["x"] + form["width"]) is beside
        assert (result["y"] >= form["y"] + form["height"]) is not beside


def test_the_form_and_the_way_to_an_answer_fit_one_screen(open_page: Open) -> None:
    page = open_page(viewport={"width": 1280, "height": 720})
    for seen in ("#age", "#ejection_fraction", "#serum_creatinine", BUTTON, "#example", "#clear", "#also summary"):
        expect(page.locator(seen)).to_be_in_viewport(ratio=1)
    expect(page.locator("#platelets, [name=model]").first).to_be_hidden()
    heights = "hints => hints.map(hint => hint.offsetHeight / parseFloat(getComputedStyle(hint).lineHeight))"
    assert max(page.locator("#patient > .field > .hint").evaluate_all(heights)) < 1.5  # lines
    page.set_viewport_size({"width": 390, "height": 844})
    box = page.locator(BUTTON).bounding_box()
    assert box
    assert box["y"] + box["height"] <= 1.5 * 844


@pytest.mark.parametrize("values", [BEDSIDE, UNFAMILIAR], ids=["plain", "with a caution"])
def test_the_whole_answer_fits_one_screen(open_page: Open, values: dict[str, str]) -> None:
    page = open_page(viewport={"width": 1440, "height": 900})
    show_result(page, values)
    for seen in (*(["#cautions"] if values is UNFAMILIAR else []), "#risk", ".people", "#sure", "#why"):
        expect(page.locator(seen)).to_be_in_viewport(ratio=1)


def test_on_a_phone_the_result_comes_into_view_and_the_focus_stays(open_page: Open) -> None:
    page = on_a_phone(open_page)
    fill(page, BEDSIDE)
    press(page)
    expect_result(page)
    expect(page.locator("#risk")).to_be_in_viewport(ratio=1)
    expect(page.locator(BUTTON)).to_be_focused()
    page.locator("#age").scroll_into_view_if_needed()
    with page.expect_response("**/predict"):
        page.fill("#age", "80")
    expect_result(page)
    expect(page.locator("#age")).to_be_in_viewport()  # a renewed result does not scroll the page


def test_on_a_phone_trouble_comes_into_view(open_page: Open) -> None:
    page = on_a_phone(open_page)
    page.route("**/predict", lambda route: route.fulfill(status=502))
    press(page)
    expect_trouble(page)
    expect(page.locator("#result h2")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(
    ("values", "model"), [(BEDSIDE, "bedside"), (EXTREMES, "followup")], ids=["plain", "with every caution"]
)
def test_a_result_prints_on_one_page(page: Page, values: Mapping[str, str], model: str) -> None:
    show_result(page, values, model)
    assert pages_of(page) == 1


def test_a_and_b_print_on_one_page(page: Page) -> None:
    compared(page)
    assert pages_of(page) == 1


def pages_of(page: Page) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))


def test_a_print_has_values_and_all_parts_of_the_result_and_no_controls(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.emulate_media(media="print")
    for seen in ("#age", "#risk", ".people", "#sure", "#why", ".chart", "#turning .fine", "#votes", ".colophon"):
        expect(page.locator(seen).first).to_be_visible()
    for unseen in (BUTTON, "#example", "nav", "#horizon", ".other"):
        expect(page.locator(unseen).first).to_be_hidden()
    told = page.inner_text("#provenance")
    assert re.search(r"Bedside model, version \d+, sha256:[0-9a-f]{64}", told)
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", told)


def test_the_page_follows_the_colour_scheme(open_page: Open) -> None:
    assert open_page(color_scheme="dark").evaluate(LUMINANCE) < 0.15
    assert open_page(color_scheme="light").evaluate(LUMINANCE) > 0.85


def test_forced_colours_keep_the_edge_of_the_button_and_the_filled_icons(open_page: Open) -> None:
    page = open_page(forced_colors="active", color_scheme="dark")
    show_result(page, BEDSIDE)
    style = "(element, name) => getComputedStyle(element)[name]"
    paper = page.locator("html").evaluate(style, "backgroundColor")
    button = page.locator(BUTTON)
    assert button.evaluate(style, "borderTopWidth") == "2px"
    assert button.evaluate(style, "borderTopColor") != paper
    assert button.evaluate(style, "color") != paper
    assert page.locator(".icons .dead").first.evaluate(style, "fill") not in {paper, "none"}
    assert page.locator(".icons .alive").first.evaluate(style, "fill") == "none"
    assert page.locator(".icons .alive").first.evaluate(style, "stroke") != paper
    current, other = page.locator(".masthead a[aria-current]"), page.locator("nav a:not([aria-current])").first
    assert other.evaluate(style, "borderBottomColor") == paper != current.evaluate(style, "borderBottomColor")


def test_reduced_motion_stops_all_animations(open_page: Open) -> None:
    page = open_page(reduced_motion="reduce")
    durations = page.evaluate(
        "() => [...document.querySelectorAll('*')].map(element => getComputedStyle(element).animationDuration)"
    )
    assert set(durations) == {"0s"}

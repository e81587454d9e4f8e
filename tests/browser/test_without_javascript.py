"""The same form in a browser without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.pages import (
    BEDSIDE,
    FOLLOWUP,
    choose_model,
    expect_result,
    fill,
    form_with,
    press,
    show_result,
    standing,
)
from tests.server.running import BEDSIDE_EXAMPLE, EXAMPLE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Open
    from tests.server.running import Server


@pytest.fixture
def page(open_page: Open) -> Page:
    """The form on a desktop, no script running."""
    return open_page(viewport={"width": 1280, "height": 800}, java_script_enabled=False)


def test_the_form_is_answered_with_a_page_that_keeps_what_was_entered(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    expect_result(page, server.predict(BEDSIDE_EXAMPLE).json["risk"])
    assert page.url == f"{server.url}/predict"
    assert standing(page) == form_with(BEDSIDE)
    expect(page).to_have_title(f"{page.inner_text('#result .verdict')} – heartapp")


def test_the_answer_can_be_asked_for_again_with_another_value(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.fill("#age", "80")
    press(page)
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "age": 80}).json["risk"])


def test_faults_are_listed_with_links_to_the_fields_and_everything_typed_is_kept(page: Page) -> None:
    typed = {**BEDSIDE, "age": "620", "serum_sodium": "1,200", "platelets": "many"}
    fill(page, typed)
    press(page)
    expect(page.locator("#summary li")).to_have_count(3)
    assert standing(page) == form_with(typed)
    expect(page).to_have_title("Check the form – heartapp")
    page.click("#summary a[href='#serum_sodium']")
    expect(page.locator("#serum_sodium")).to_be_focused()
    expect(page.locator("#serum_sodium")).to_have_attribute("aria-invalid", "true")


def test_the_example_fills_the_form(page: Page, server: Server) -> None:
    with page.expect_navigation():
        page.click("#example")
    assert standing(page) == form_with(FOLLOWUP)
    press(page)
    expect_result(page, server.predict(BEDSIDE_EXAMPLE).json["risk"])


def test_the_follow_up_time_is_asked_for_by_the_model_that_uses_it(page: Page, server: Server) -> None:
    expect(page.locator("#time")).to_be_hidden()
    choose_model(page, "followup")
    expect(page.locator("#time")).to_be_visible()
    show_result(page, FOLLOWUP, "followup")
    expect_result(page, server.predict(EXAMPLE, "followup").json["risk"])
    expect(page.locator("#time")).to_be_visible()


def test_a_cookie_that_is_gone_costs_one_more_press_and_nothing_typed(page: Page) -> None:
    fill(page, BEDSIDE)
    page.context.clear_cookies()
    press(page)
    expect(page.locator("#expired")).to_be_visible()
    assert standing(page) == form_with(BEDSIDE)
    press(page)
    expect_result(page)

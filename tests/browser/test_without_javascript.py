"""The form in a browser without JavaScript."""

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
from tests.server.running import BEDSIDE_EXAMPLE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Open
    from tests.server.running import Server


@pytest.fixture
def page(open_page: Open) -> Page:
    """The form on a desktop, without scripts."""
    return open_page(viewport={"width": 1280, "height": 800}, java_script_enabled=False)


def test_the_answer_is_a_page_that_keeps_the_entries_and_can_be_sent_again(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    expect_result(page, server.predict(BEDSIDE_EXAMPLE).json["risk"])
    assert page.url == f"{server.url}/predict"
    assert standing(page) == form_with(BEDSIDE)
    expect(page).to_have_title(f"{page.inner_text('#result .verdict')} – heartapp")
    page.fill("#age", "80")
    press(page)
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "age": 80}).json["risk"])


def test_faults_link_to_their_fields_and_keep_the_entries(page: Page) -> None:
    typed = {**BEDSIDE, "age": "620", "serum_sodium": "1,200", "platelets": "many"}
    fill(page, typed)
    press(page)
    expect(page.locator("#summary li")).to_have_count(3)
    assert standing(page) == form_with(typed)
    page.click("#summary a[href='#serum_sodium']")
    expect(page.locator("#serum_sodium")).to_be_focused()
    expect(page.locator("#serum_sodium")).to_have_attribute("aria-invalid", "true")


def test_the_example_fills_the_form(page: Page) -> None:
    with page.expect_navigation():
        page.click("#example")
    assert standing(page) == form_with(FOLLOWUP)


def test_only_the_follow_up_model_shows_the_follow_up_time(page: Page) -> None:
    expect(page.locator("#time")).to_be_hidden()
    choose_model(page, "followup")
    expect(page.locator("#time")).to_be_visible()
    show_result(page, FOLLOWUP, "followup")
    expect(page.locator("#time")).to_be_visible()

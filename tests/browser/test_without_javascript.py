"""The form in a browser without JavaScript."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.pages import (
    BEDSIDE,
    FOLLOWUP,
    expect_result,
    fill,
    form_with,
    press,
    show_result,
    standing,
)
from tests.server.running import BEDSIDE_EXAMPLE, JSON, Server


@pytest.fixture
def page(open_page: Open) -> Page:
    """The form on a desktop, without scripts."""
    return open_page(viewport={"width": 1280, "height": 800}, java_script_enabled=False)


def test_the_answer_is_a_page_that_keeps_the_entries_and_can_be_sent_again(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    expect_result(page, server.predict(BEDSIDE_EXAMPLE).json["risk"])
    assert page.url == f"{server.url}/predict#result"
    assert standing(page) == form_with(BEDSIDE)
    expect(page).to_have_title(f"{page.inner_text('#result-title')} – heartapp")
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


def test_all_twelve_fields_are_open_for_the_follow_up_model(page: Page) -> None:
    page.click(".other a")
    show_result(page, FOLLOWUP, "followup")
    assert standing(page) == form_with(FOLLOWUP, "followup")


def test_the_day_and_the_threshold_are_fields_beside_the_answer(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.click("#by-when summary")
    page.fill("#horizon", "47")
    press(page)
    page.click("#by-when summary")
    wanted = server.request("POST", "/api/v1/predict?horizon=47", json.dumps(BEDSIDE_EXAMPLE), JSON).json
    shown = page.locator("tr", has=page.locator("th", has_text="47")).locator("data").first
    expect(shown).to_have_attribute("value", str(wanted["survival"]["risk"][0]))
    assert standing(page) == form_with({**BEDSIDE, "horizon": "47"})


@pytest.mark.parametrize("values", [BEDSIDE, {**BEDSIDE, "age": "620"}], ids=["an answer", "a fault"])
def test_on_a_phone_the_page_returns_to_the_answer_or_the_faults(open_page: Open, values: dict[str, str]) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    fill(page, values)
    press(page)
    expect(page.locator("#result-title")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(("answer", "value"), [("Use 0.43 mg/dL", 0.43), ("Keep 38 mg/dL", 38)])
def test_a_question_about_a_unit_is_answered_without_javascript(
    page: Page, server: Server, answer: str, value: float
) -> None:
    fill(page, {**BEDSIDE, "serum_creatinine": "38"})
    press(page)
    expect(page.locator("#risk")).to_have_count(0)
    page.press("#serum_creatinine", "Enter")  # Enter asks again and answers nothing.
    page.get_by_role("button", name=answer).click()
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "serum_creatinine": value}).json["risk"])


def test_a_patient_is_kept_compared_and_dropped(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    expect(page.locator("#link")).to_be_hidden()
    page.click("#keep")
    page.fill("#age", "80")
    press(page)
    before, after = (server.predict({**BEDSIDE_EXAMPLE, "age": age}).json["risk"] for age in (62, 80))
    expect(page.locator("#risk-a")).to_have_attribute("value", str(before))
    expect_result(page, after)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as text").click()
    assert f"Risk: {after}" in download.value.path().read_text("utf-8")
    page.click("text=Drop A")
    expect(page.locator("#compare")).to_have_count(0)
    expect_result(page, after)

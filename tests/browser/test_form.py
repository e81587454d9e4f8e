"""The form in a browser with JavaScript: fill it in, send it, correct it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from heartapp.clinical.variables import BY_NAME, GROUPS, VARIABLES
from tests.browser.pages import (
    BEDSIDE,
    BUTTON,
    FOLLOWUP,
    NUMBERS,
    choose_model,
    expect_result,
    fill,
    form_with,
    press,
    show_result,
    standing,
    tab_to,
)
from tests.server.running import BEDSIDE_EXAMPLE, EXAMPLE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.server.running import Server

MARK = "() => { window.marker = 'the same page' }"
IS_MARKED = "() => window.marker === 'the same page'"
LISTEN = """() => {
    window.announced = [];
    const region = document.getElementById("announcement");
    new MutationObserver(() => window.announced.push(region.textContent.trim()))
        .observe(region, {childList: true, characterData: true, subtree: true});
}"""


def test_the_form_can_be_used_with_the_keyboard_alone(page: Page, server: Server) -> None:
    tab_to(page, '[name="model"]:checked')
    page.keyboard.press("ArrowDown")
    for variable in sorted(VARIABLES, key=lambda variable: GROUPS.index(variable.group)):
        tab_to(page, f'[name="{variable.name}"]')
        if variable.kind == "number":
            page.keyboard.type(FOLLOWUP[variable.name])
        else:
            page.keyboard.press("Space" if variable.example == 0 else "ArrowRight")
    tab_to(page, BUTTON)
    page.keyboard.press("Enter")
    expect_result(page, server.predict(EXAMPLE, "followup").json["risk"])
    assert standing(page) == form_with(FOLLOWUP, "followup")


def test_the_result_comes_without_a_reload_and_the_focus_stays(page: Page, server: Server) -> None:
    page.evaluate(MARK)
    fill(page, BEDSIDE)
    press(page)
    expect_result(page, server.predict(BEDSIDE_EXAMPLE).json["risk"])
    expect(page.locator(BUTTON)).to_be_focused()
    page.press("#serum_sodium", "Enter")
    expect_result(page)
    expect(page.locator("#serum_sodium")).to_be_focused()
    assert page.evaluate(IS_MARKED)
    assert page.url == f"{server.url}/"


def test_each_answer_is_announced_once(page: Page) -> None:
    fill(page, BEDSIDE)
    page.evaluate(LISTEN)
    press(page)
    expect_result(page)
    verdict = page.inner_text("#result .verdict")
    assert [text.partition(". ")[0] for text in page.evaluate("announced")] == [f"Result: {verdict}"]
    page.fill("#age", "")
    press(page)
    expect(page.locator("#summary")).to_be_focused()
    assert page.evaluate("announced")[1:] == [page.text_content("#announcement")]


def test_faults_move_the_focus_to_a_summary_with_links_to_the_fields(page: Page) -> None:
    press(page)
    expect(page.locator("#summary")).to_be_focused()
    links = page.locator("#summary a")
    assert links.count() > 1
    for index in range(links.count()):
        links.nth(index).click()
        target = (links.nth(index).get_attribute("href") or "").removeprefix("#")
        expect(page.locator(f"#{target}")).to_be_focused()
        expect(page.locator(f"#{target}")).to_be_in_viewport()


def test_a_faulty_field_describes_what_is_allowed_and_keeps_its_text(page: Page) -> None:
    typed = {**BEDSIDE, "age": " 17.5", "platelets": "265,000", "serum_sodium": "sodium", "serum_creatinine": "0"}
    fill(page, typed)
    press(page)
    expect(page.locator("#summary li")).to_have_count(4)
    assert standing(page) == form_with(typed)
    for name in NUMBERS:
        faulty = typed[name] != BEDSIDE[name]
        expect(page.locator(f"#{name}")).to_have_attribute("aria-invalid", str(faulty).lower())
        if faulty:
            allowed = re.compile(r"\s".join(map(re.escape, BY_NAME[name].range.split())))
            expect(page.locator(f"#{name}")).to_have_accessible_description(allowed)


def test_a_corrected_fault_leaves_no_trace(page: Page) -> None:
    fill(page, {**BEDSIDE, "age": "620"})
    press(page)
    expect(page.locator("#age-error")).to_be_visible()
    page.fill("#age", "62")
    press(page)
    expect_result(page)
    expect(page.locator("#summary, .error, [aria-invalid=true]")).to_have_count(0)
    expect(page.locator(BUTTON)).to_be_focused()


def test_a_changed_value_renews_the_result_and_does_not_move_the_focus(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.evaluate(MARK)
    page.fill("#ejection_fraction", "20")
    page.focus("#serum_sodium")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "ejection_fraction": 20}).json["risk"])
    expect(page.locator("#serum_sodium")).to_be_focused()
    page.check('[name="sex"][value="0"]')
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "ejection_fraction": 20, "sex": 0}).json["risk"])
    expect(page.locator('[name="sex"][value="0"]')).to_be_focused()
    assert page.evaluate(IS_MARKED)


def test_a_value_that_becomes_faulty_removes_the_result_and_does_not_move_the_focus(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.focus("#serum_creatinine")
    page.keyboard.type("1,400")
    expect(page.locator("#result")).to_have_class("result outdated")  # marked while the text does not fit the result
    page.focus("#serum_sodium")
    expect(page.locator("#serum_creatinine-error")).to_be_visible()
    expect(page.locator("#serum_sodium")).to_be_focused()
    expect(page.locator("#risk")).to_have_count(0)


def test_the_example_fills_the_form_without_a_reload(page: Page) -> None:
    page.evaluate(MARK)
    choose_model(page, "followup")
    page.click("#example")
    assert standing(page) == form_with(FOLLOWUP, "followup")
    assert page.evaluate(IS_MARKED)


def test_optional_fields_follow_the_chosen_model(page: Page) -> None:
    expect(page.locator("#field-diabetes .optional")).to_have_text(" not used")
    expect(page.locator("#field-age .optional")).to_have_count(0)
    expect(page.get_by_role("radio", name="Not known")).to_have_count(5)
    show_result(page, {**BEDSIDE, "platelets": "", "diabetes": "", "smoking": ""})
    expect(page.locator("#missing")).to_have_count(0)  # the model does not use them
    choose_model(page, "followup")
    expect(page.locator("#field-diabetes .optional")).to_be_hidden()
    expect(page.locator("#field-diabetes").get_by_label("Not known")).to_be_visible()  # it was chosen
    expect(page.locator("#field-anaemia").get_by_label("Not known")).to_be_hidden()


def test_parts_stay_open_or_closed_when_the_result_is_renewed(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.focus("#votes summary")
    page.keyboard.press("Enter")
    page.click("#why summary")
    before = page.inner_text("#risk")
    page.fill("#ejection_fraction", "15")
    page.keyboard.press("Tab")
    expect(page.locator("#risk")).not_to_have_text(before)
    expect(page.locator("#votes table")).to_be_visible()
    expect(page.locator("#why p").first).to_be_hidden()


def test_a_lost_cookie_costs_one_more_press_and_no_entry(page: Page) -> None:
    fill(page, BEDSIDE)
    page.context.clear_cookies()
    press(page)
    expect(page.locator("#summary")).to_be_focused()
    expect(page.locator("#expired")).to_be_visible()
    assert standing(page) == form_with(BEDSIDE)
    press(page)
    expect_result(page)
    expect(page.locator("#summary")).to_have_count(0)

"""The form in a browser with JavaScript: filling it in, sending it, putting it right."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
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
    from playwright.sync_api import Page, Request

    from tests.browser.conftest import Open
    from tests.server.running import Server

MARK = "() => { window.marker = 'the same page' }"
IS_MARKED = "() => window.marker === 'the same page'"
LISTEN = """() => {
    window.announced = [];
    const region = document.getElementById("announcement");
    new MutationObserver(() => window.announced.push(region.textContent.trim()))
        .observe(region, {childList: true, characterData: true, subtree: true});
}"""


def test_the_whole_task_is_done_with_the_keyboard_alone(page: Page, server: Server) -> None:
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


def test_the_result_comes_without_a_reload_and_the_focus_stays_on_the_button(page: Page, server: Server) -> None:
    page.evaluate(MARK)
    fill(page, BEDSIDE)
    press(page)
    expect_result(page, server.predict(BEDSIDE_EXAMPLE).json["risk"])
    expect(page.locator(BUTTON)).to_be_focused()
    assert page.evaluate(IS_MARKED)
    assert page.url == f"{server.url}/"


def test_enter_in_a_field_sends_the_form_and_the_focus_stays_in_the_field(page: Page) -> None:
    fill(page, BEDSIDE)
    page.press("#serum_sodium", "Enter")
    expect_result(page)
    expect(page.locator("#serum_sodium")).to_be_focused()


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
    assert page.evaluate("announced")[1:] == ["There is 1 entry to check."]


def test_faults_bring_the_reader_to_a_summary_whose_links_lead_to_the_fields(page: Page) -> None:
    press(page)
    expect(page.locator("#summary")).to_be_focused()
    links = page.locator("#summary a")
    assert links.count() > 1
    for index in range(links.count()):
        links.nth(index).click()
        target = (links.nth(index).get_attribute("href") or "").removeprefix("#")
        expect(page.locator(f"#{target}")).to_be_focused()
        expect(page.locator(f"#{target}")).to_be_in_viewport()


def test_a_faulty_field_says_what_is_allowed_and_keeps_what_was_typed(page: Page) -> None:
    typed = {**BEDSIDE, "age": " 17.5", "platelets": "265,000", "serum_sodium": "sodium", "serum_creatinine": ""}
    fill(page, typed)
    press(page)
    expect(page.locator("#summary li")).to_have_count(4)
    assert standing(page) == form_with(typed)
    for name in NUMBERS:
        faulty = typed[name] != BEDSIDE[name]
        expect(page.locator(f"#{name}")).to_have_attribute("aria-invalid", str(faulty).lower())
        if faulty:
            allowed = re.compile(r"\s".join(map(re.escape, BY_NAME[name].range.split())))
            expect(page.locator(f"#{name}-error")).to_have_text(allowed)
            expect(page.locator(f"#{name}")).to_have_accessible_description(allowed)
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


def test_an_unanswered_choice_is_marked_as_a_group(page: Page) -> None:
    choose_model(page, "followup")
    fill(page, {name: text for name, text in FOLLOWUP.items() if name != "diabetes"})
    press(page)
    expect(page.locator("#field-diabetes")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#field-anaemia")).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#diabetes-error")).to_have_text(BY_NAME["diabetes"].prompt)


def test_a_fault_that_is_put_right_leaves_no_trace(page: Page) -> None:
    fill(page, {**BEDSIDE, "age": "620"})
    press(page)
    expect(page.locator("#age-error")).to_be_visible()
    page.fill("#age", "62")
    press(page)
    expect_result(page)
    expect(page.locator("#summary, .error, [aria-invalid=true]")).to_have_count(0)
    expect(page.locator(BUTTON)).to_be_focused()


def test_a_value_changed_after_a_result_renews_it_and_the_focus_goes_where_it_was_sent(
    page: Page, server: Server
) -> None:
    show_result(page, BEDSIDE)
    page.evaluate(MARK)
    page.fill("#ejection_fraction", "20")
    page.keyboard.press("Tab")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "ejection_fraction": 20}).json["risk"])
    assert page.evaluate("document.activeElement.matches('input') && document.activeElement.id") not in {
        False,
        "ejection_fraction",
    }
    page.check('[name="sex"][value="0"]')
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "ejection_fraction": 20, "sex": 0}).json["risk"])
    expect(page.locator('[name="sex"][value="0"]')).to_be_focused()
    assert page.evaluate(IS_MARKED)


def test_a_value_made_faulty_after_a_result_takes_it_away_and_does_not_move_the_focus(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.fill("#serum_creatinine", "1,400")
    page.focus("#serum_sodium")
    expect(page.locator("#serum_creatinine-error")).to_be_visible()
    expect(page.locator("#serum_sodium")).to_be_focused()
    expect(page.locator("#risk")).to_have_count(0)


def test_a_result_that_no_longer_fits_the_form_is_marked_while_one_types(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.focus("#age")
    page.keyboard.type("1")
    expect(page.locator("#result")).to_have_class("result outdated")


def test_the_mouse_wheel_does_not_change_a_number(page: Page) -> None:
    fill(page, BEDSIDE)
    page.focus("#age")
    page.hover("#age")
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 240)
    page.wait_for_function("before => scrollY > before", arg=before)
    expect(page.locator("#age")).to_be_focused()
    assert standing(page) == form_with(BEDSIDE)


def test_the_example_fills_the_form_without_a_reload(page: Page) -> None:
    page.evaluate(MARK)
    choose_model(page, "followup")
    page.click("#example")
    assert standing(page) == form_with(FOLLOWUP, "followup")
    assert page.evaluate(IS_MARKED)
    press(page)
    expect_result(page)


def test_the_follow_up_time_is_asked_for_by_the_model_that_uses_it(page: Page) -> None:
    expect(page.locator("#time")).to_be_hidden()
    choose_model(page, "followup")
    expect(page.locator("#time")).to_be_visible()
    choose_model(page, "bedside")
    expect(page.locator("#time")).to_be_hidden()


def test_what_the_chosen_model_can_do_without_says_optional_and_may_be_not_known(page: Page) -> None:
    expect(page.locator("#field-diabetes .optional")).to_be_visible()
    expect(page.locator("#field-age .optional")).to_have_count(0)
    expect(page.get_by_role("radio", name="Not known")).to_have_count(5)
    show_result(page, {**BEDSIDE, "platelets": "", "diabetes": "", "smoking": ""})
    expect(page.locator("#missing")).to_contain_text("diabetes")
    choose_model(page, "followup")
    expect(page.locator("#field-diabetes .optional")).to_be_hidden()
    expect(page.locator("#field-diabetes").get_by_label("Not known")).to_be_visible()  # it was chosen
    expect(page.locator("#field-anaemia").get_by_label("Not known")).to_be_hidden()


def test_a_threshold_moved_on_the_page_moves_verdict_and_votes_as_in_the_api(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    for per_cent in (1, 99):
        page.fill("#threshold", str(per_cent))
        page.keyboard.press("Tab")
        expect(page.locator("#applied-threshold")).to_have_attribute("value", str(per_cent / 100))
        address = f"/api/v1/predict?threshold={per_cent / 100}"
        body = json.dumps(BEDSIDE_EXAMPLE).encode()
        wanted = server.request("POST", address, body, {"Content-Type": "application/json"}).json
        votes = [int(one.get_attribute("value") or "") for one in page.locator(".vote").all()]
        assert votes == [vote["vote"] for vote in wanted["votes"]]
        expect(page.locator("#result .verdict data")).to_have_attribute("value", str(wanted["death_event"]))


def test_a_day_of_the_readers_own_is_told(page: Page) -> None:
    show_result(page, {**BEDSIDE, "horizon": "47"})
    expect(page.locator("#by-when th[scope=row]")).to_have_text(["47", "90", "180"])


def test_a_part_that_was_unfolded_or_folded_stays_so_when_the_answer_is_renewed(page: Page) -> None:
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


def test_a_decimal_comma_says_the_same_as_a_decimal_point(page: Page, server: Server) -> None:
    show_result(page, {**BEDSIDE, "serum_creatinine": "1,9", "age": "60,6"})
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "serum_creatinine": 1.9, "age": 60.6}).json["risk"])


def test_a_comma_that_could_mean_two_things_is_asked_about(page: Page) -> None:
    fill(page, {**BEDSIDE, "creatinine_phosphokinase": "1,200"})
    press(page)
    expect(page.locator("#creatinine_phosphokinase-error")).to_contain_text("Is the comma a decimal comma")


def test_a_cookie_that_is_gone_costs_one_more_press_and_nothing_typed(page: Page) -> None:
    fill(page, BEDSIDE)
    page.context.clear_cookies()
    press(page)
    expect(page.locator("#summary")).to_be_focused()
    expect(page.locator("#expired")).to_be_visible()
    assert standing(page) == form_with(BEDSIDE)
    press(page)
    expect_result(page)
    expect(page.locator("#summary")).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/models/followup", "/api/v1/"])
def test_the_first_load_is_small_and_takes_few_requests(open_page: Open, server: Server, path: str) -> None:
    page = open_page("about:blank")
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    page.goto(server.url + path, wait_until="networkidle")
    sizes = [request.sizes() for request in asked]
    assert 2 <= len(sizes) <= 6
    assert sum(size["responseHeadersSize"] + size["responseBodySize"] for size in sizes) <= 60_000

"""The form in a browser with JavaScript: fill it in, send it, correct it."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from heartapp.clinical.variables import BY_NAME, GROUPS, VARIABLES
from heartapp.ui.rounding import rounded
from tests.browser.pages import (
    BEDSIDE,
    BUTTON,
    FOLLOWUP,
    expect_result,
    expect_settled,
    fill,
    form_with,
    press,
    show_result,
    standing,
    tab_to,
)
from tests.server.running import BEDSIDE_EXAMPLE, EXAMPLE, Server

MARK = "() => { window.marker = 'the same page' }"
IS_MARKED = "() => window.marker === 'the same page'"
LISTEN = """() => {
    window.announced = [];
    const region = document.getElementById("announcement");
    new MutationObserver(() => window.announced.push(region.textContent.trim()))
        .observe(region, {childList: true, characterData: true, subtree: true});
}"""


def test_the_form_can_be_used_with_the_keyboard_alone(page: Page, server: Server) -> None:
    page.goto("/?model=followup")
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


def test_answers_are_announced_once_when_they_settle(page: Page) -> None:
    fill(page, BEDSIDE)
    page.evaluate(LISTEN)
    press(page)
    expect_result(page)
    for age in ("71", "72", "73"):
        with page.expect_response("**/predict"):
            page.fill("#age", age)
    expect_result(page)
    expect(page.locator("#announcement")).to_have_text(page.locator("#result").get_attribute("data-announcement") or "")
    assert page.evaluate("announced") == [f"{page.inner_text('#result-title')}."]
    page.fill("#age", "")
    press(page)
    expect(page.locator("#summary")).to_be_focused()
    expect(page.locator("#announcement")).to_have_text("Check one entry.")


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
    for name in ("age", "ejection_fraction", "platelets", "serum_sodium", "serum_creatinine"):
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


def test_the_answer_follows_the_keys_before_the_field_is_left(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.focus("#age")
    page.keyboard.press("End")
    page.keyboard.press("Backspace")
    page.keyboard.type("9")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "age": 69}).json["risk"])
    expect(page.locator("#age")).to_be_focused()


def test_the_first_answer_comes_when_the_last_required_value_is_typed(page: Page, server: Server) -> None:
    wanted = ("age", "ejection_fraction", "serum_creatinine")
    for name in wanted:
        expect(page.locator("#result")).to_have_attribute("data-state", "empty")
        page.focus(f"#{name}")
        page.keyboard.type(BEDSIDE[name])
    expect_result(page, server.predict({name: BEDSIDE_EXAMPLE[name] for name in wanted}).json["risk"])


def test_half_a_number_is_no_fault_until_the_field_is_left(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    with page.expect_response("**/predict"):
        page.fill("#age", "6")
    expect(page.locator(".waiting")).to_be_visible()
    expect(page.locator(".error")).to_have_count(0)
    page.focus("#age")
    page.keyboard.press("End")
    page.keyboard.type("9")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "age": 69}).json["risk"])
    expect(page.locator(".waiting")).to_be_hidden()


def test_an_invalid_value_is_named_when_it_is_left_and_mended_without_the_button(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    for wrong in ("500", "x", "1,200"):
        page.fill("#ejection_fraction", wrong)
        page.keyboard.press("Tab")
        expect(page.locator("#ejection_fraction-error")).to_be_visible()
        expect(page.locator("#risk")).to_have_count(0)
        expect(page.locator("#ejection_fraction_unit")).to_be_focused()
        page.fill("#ejection_fraction", "40")
        page.keyboard.press("Tab")
        expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "ejection_fraction": 40}).json["risk"])
        expect(page.locator(".error, [aria-invalid=true]")).to_have_count(0)


def test_an_emptied_value_that_is_required_takes_the_answer_out_of_date(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.fill("#age", "")
    page.keyboard.press("Tab")
    expect(page.locator(".waiting")).to_be_visible()


def test_a_fault_in_the_folded_part_unfolds_it(page: Page) -> None:
    fill(page, {**BEDSIDE, "platelets": "many"})
    page.click("#also summary")
    expect(page.locator("#platelets")).to_be_hidden()
    press(page)
    expect(page.locator("#platelets-error")).to_be_visible()
    page.click("#also summary")
    page.click("#summary a")
    expect(page.locator("#platelets")).to_be_focused()


@pytest.mark.parametrize("leave", ["reload", "back"])
def test_entries_and_the_answer_survive_reload_and_back(page: Page, server: Server, leave: str) -> None:
    show_result(page, {**BEDSIDE, "anaemia": "1"})
    if leave == "reload":
        page.reload()
    else:
        page.click("nav a[href='/models/bedside']")
        expect(page.locator("h1")).to_have_text("Bedside model")
        page.go_back()
    expect_result(page, server.predict(BEDSIDE_EXAMPLE).json["risk"])
    assert standing(page) == form_with({**BEDSIDE, "anaemia": "1"})


def test_entries_are_for_this_tab_only_and_the_other_model_takes_them_over(page: Page) -> None:
    fill(page, BEDSIDE)
    page.click(".other a")
    expect(page.locator("#time")).to_be_visible()
    assert standing(page) == form_with({**BEDSIDE, "time": ""}, "followup")
    other = page.context.new_page()
    other.goto("/")
    assert standing(other) == form_with({})


def test_clear_forgets_the_entries(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.click("#clear")
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")
    page.reload()
    assert standing(page) == form_with({})


def test_the_example_fills_the_form_without_a_reload(page: Page) -> None:
    page.evaluate(MARK)
    page.select_option("#serum_creatinine_unit", "µmol/L")
    page.click("#example")
    assert standing(page) == form_with(BEDSIDE)
    expect_result(page)
    assert page.evaluate(IS_MARKED)


def test_parts_stay_open_or_closed_when_the_result_is_renewed(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.focus("#about summary")
    page.keyboard.press("Enter")
    before = page.inner_text("#risk")
    page.fill("#ejection_fraction", "15")
    page.keyboard.press("Tab")
    expect(page.locator("#risk")).not_to_have_text(before)
    expect(page.locator("#votes")).to_be_visible()
    expect(page.locator("#turning p").first).to_be_hidden()


def test_another_value_is_told_on_hover_and_by_keyboard(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.click("#turning summary")
    figure = page.locator(".response").first
    slider, told = figure.locator("input"), figure.locator("output")
    expect(told).to_have_text(re.compile("^62 years: "))
    slider.focus()
    page.keyboard.press("ArrowRight")
    other = server.predict({**BEDSIDE_EXAMPLE, "age": 63}).json
    expect(told).to_have_text(f"63 years: {rounded(other['risk'], other['threshold'])} of 100")
    expect(slider).to_have_attribute("aria-valuetext", told.inner_text())
    figure.locator(".chart").hover(position={"x": 2, "y": 20})
    expect(told).to_have_text(re.compile("^4[0-2] years: "))
    assert standing(page) == form_with(BEDSIDE)  # The patient has not changed.
    page.fill("#age", "70")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "age": 70}).json["risk"])
    expect(told).to_have_text(re.compile("^70 years: "))


def test_the_day_has_a_slider(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.click("#by-when summary")
    page.focus("#day")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#horizon")).to_have_value("91")
    expect(page.locator("#by-when th", has_text="91")).to_be_visible()
    expect(page.locator("#day")).to_be_focused()
    assert standing(page) == form_with({**BEDSIDE, "horizon": "91"})


def test_a_doubtful_number_is_asked_about_and_answered_by_keyboard(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.fill("#serum_creatinine", "168")
    page.press("#serum_creatinine", "Enter")
    expect(page.locator("#summary")).to_be_focused()
    expect(page.locator("#risk")).to_have_count(0)
    page.press("#serum_creatinine", "Enter")  # Enter asks again and answers nothing.
    expect(page.locator("#summary")).to_be_focused()
    page.focus("#serum_creatinine_unit")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use 1.90 mg/dL")).to_be_focused()
    page.keyboard.press("Enter")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "serum_creatinine": 1.9}).json["risk"])
    expect(page.locator("#serum_creatinine_unit")).to_be_focused()
    assert standing(page) == form_with({**BEDSIDE, "serum_creatinine": "168", "serum_creatinine_unit": "µmol/L"})


def test_a_doubtful_number_can_be_kept_and_is_not_asked_about_again(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.fill("#serum_creatinine", "38")
    page.focus("#age")
    page.get_by_role("button", name="Keep 38 mg/dL").click()
    patient = {**BEDSIDE_EXAMPLE, "serum_creatinine": 38}
    expect_result(page, server.predict(patient).json["risk"])
    page.fill("#age", "70")
    expect_result(page, server.predict({**patient, "age": 70}).json["risk"])
    expect(page.locator(".answers")).to_have_count(0)


def test_a_chosen_unit_is_converted_and_both_values_are_told(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.fill("#serum_creatinine", "168")
    page.select_option("#serum_creatinine_unit", "µmol/L")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "serum_creatinine": 1.9}).json["risk"])
    expect(page.locator("#why")).to_contain_text("168 µmol/L = 1.90 mg/dL")
    page.reload()
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "serum_creatinine": 1.9}).json["risk"])


def test_a_patient_is_kept_as_a_and_the_difference_follows_the_keys(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.focus("#keep")
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_be_visible()
    expect(page.locator("#keep")).to_be_focused()
    page.fill("#age", "80")
    expect(page.locator("#difference")).to_have_text("From A to B the risk rises by 35 of 100.")
    before, after = (server.predict({**BEDSIDE_EXAMPLE, "age": age}).json["risk"] for age in (62, 80))
    expect(page.locator("#risk-a")).to_have_attribute("value", str(before))
    expect_result(page, after)
    expect(page.locator("#announcement")).to_contain_text("From A to B")
    page.reload()
    expect(page.locator("#risk-a")).to_have_attribute("value", str(before))
    page.click("text=Drop A")
    expect(page.locator("#compare")).to_have_count(0)
    expect(page.locator("#keep")).to_be_focused()
    assert standing(page) == form_with({**BEDSIDE, "age": "80"})


def test_a_link_holds_the_values_where_no_server_sees_them(page: Page, server: Server) -> None:
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(f"{request.url} {request.headers}"))
    show_result(page, {**BEDSIDE, "serum_creatinine": "168", "serum_creatinine_unit": "µmol/L"})
    assert page.url == f"{server.url}/"
    page.click("#link")
    expect(page.locator("#linked")).not_to_be_empty()
    link = page.url
    risk = server.predict({**BEDSIDE_EXAMPLE, "serum_creatinine": 1.9}).json["risk"]
    other = page.context.new_page()
    other.goto(link)
    expect_result(other, risk)
    assert standing(other) == standing(page)
    page.fill("#age", "70")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "serum_creatinine": 1.9, "age": 70}).json["risk"])
    assert page.url == f"{server.url}/"  # The address would no longer hold what is shown.
    page.evaluate("link => { location.href = link }", link)
    expect_result(page, risk)
    assert not [one for one in asked if "168" in one]


def test_a_receipt_is_saved_and_the_page_stays(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    page.fill("#age", "70")
    expect_result(page, server.predict({**BEDSIDE_EXAMPLE, "age": 70}).json["risk"])
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as JSON").click()
    told = json.loads(download.value.path().read_text("utf-8"))
    assert told["prediction"]["risk"] == server.predict(told["patient"]).json["risk"]
    expect_settled(page)

"""The states of the pages by name, each with the way there from an open form."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.pages import (
    BEDSIDE,
    EXTREMES,
    FOLLOWUP,
    Held,
    expect_settled,
    expect_trouble,
    fill,
    press,
    show_result,
)


def empty(page: Page) -> None:
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


def result(page: Page) -> None:
    show_result(page, BEDSIDE)


def details(page: Page) -> None:
    """A result with everything: a threshold and a day entered, all parts open."""
    show_result(page, BEDSIDE)
    for part in ("#by-when", "#turning", "#limit", "#about"):
        page.click(f"{part} summary")
    fill(page, {"threshold": "5", "horizon": "47"})
    expect(page.locator("#by-when th", has_text="47")).to_be_visible()
    page.keyboard.press("Tab")
    expect_settled(page)


def question(page: Page) -> None:
    fill(page, {**BEDSIDE, "serum_creatinine": "38", "platelets": "265"})
    press(page)
    expect(page.locator(".answers button")).to_have_count(3)


def all_fields(page: Page) -> None:
    page.click("#also summary")
    expect(page.locator("#platelets")).to_be_visible()


def torn(page: Page) -> None:
    """The refits do not agree on the side of the threshold."""
    show_result(page, {**BEDSIDE, "ejection_fraction": "32"})
    expect(page.locator("#torn")).to_be_visible()


def own_threshold(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.click("#limit summary")
    fill(page, {"threshold": "5"})
    expect(page.locator("#applied-threshold")).to_have_text("5")


def converted(page: Page) -> None:
    show_result(page, {**BEDSIDE, "serum_creatinine": "168 µmol/L"})
    expect(page.locator("#serum_creatinine-converted")).to_be_visible()


def kept(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.click("#keep")
    expect(page.locator("#compare")).to_be_visible()


def compared(page: Page) -> None:
    kept(page)
    fill(page, {"age": "75", "serum_creatinine": "168 µmol/L"})
    expect(page.locator("#compare tbody tr")).to_have_count(3)
    page.click("#link")
    expect(page.locator("#linked")).not_to_be_empty()


def probed(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.click("#turning summary")
    page.locator(".response .chart").first.hover()


def followup_result(page: Page) -> None:
    show_result(page, FOLLOWUP, "followup")


def followup(page: Page) -> None:
    page.goto("/?model=followup")
    expect(page.locator("#time")).to_be_visible()


def cautions(page: Page) -> None:
    show_result(page, EXTREMES, "followup")
    expect(page.locator(".cautions p")).to_be_visible()


def option_at_fault(page: Page) -> None:
    show_result(page, BEDSIDE)
    page.click("#limit summary")
    page.fill("#threshold", "500")
    page.keyboard.press("Tab")
    expect(page.locator("#threshold-error")).to_be_visible()


def waiting(page: Page) -> None:
    """An entry is not complete, and the last answer is out of date."""
    show_result(page, BEDSIDE)
    with page.expect_response("**/predict"):
        page.fill("#age", "6")
    expect(page.locator(".waiting")).to_be_visible()


def unfamiliar(page: Page) -> None:
    show_result(page, {**BEDSIDE, "age": "110", "ejection_fraction": "85", "serum_creatinine": "30 mg/dL"})
    expect(page.locator("#unfamiliar")).to_be_visible()


def errors(page: Page) -> None:
    fill(page, {"age": "620", "platelets": "265,000", "diabetes": "1"})
    press(page)
    expect(page.locator("#platelets-error")).to_be_visible()


def server_error(page: Page) -> None:
    page.route("**/predict", lambda route: route.fulfill(status=500, body="<h1>Failed</h1>"))
    press(page)
    expect_trouble(page)


def under_way(page: Page) -> None:
    held = Held(page)
    press(page)
    held.wait_for(1)
    expect(page.locator(".working")).to_have_css("opacity", "1")


def at(path: str, title: str) -> Callable[[Page], None]:
    """The state of a page with its own address."""

    def go(page: Page) -> None:
        page.goto(path)
        expect(page.locator("h1")).to_have_text(title)

    return go


STATES: dict[str, Callable[[Page], None]] = {
    "empty": empty,
    "all fields": all_fields,
    "follow-up model": followup,
    "result": result,
    "result with all parts open": details,
    "refits that disagree": torn,
    "own threshold": own_threshold,
    "converted unit": converted,
    "doubtful numbers": question,
    "another value": probed,
    "kept as A": kept,
    "A and B": compared,
    "follow-up result": followup_result,
    "cautions": cautions,
    "unfamiliar patient": unfamiliar,
    "errors": errors,
    "option at fault": option_at_fault,
    "waiting for an entry": waiting,
    "server error": server_error,
    "answer under way": under_way,
    "model": at("/models/bedside", "Bedside model"),
    "API": at("/api/v1/", "API"),
    "not found": at("/nothing", "Not Found"),
}

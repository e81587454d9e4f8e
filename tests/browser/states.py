"""The states of the pages by name, each with the way there from an open form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.pages import BEDSIDE, EXTREMES, Held, expect_trouble, fill, press, show_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


def empty(page: Page) -> None:
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


def result(page: Page) -> None:
    """A result with everything: values missing, a threshold and a day entered, all parts open."""
    show_result(page, {**BEDSIDE, "platelets": "", "diabetes": "", "threshold": "5", "horizon": "47"})
    for part in ("#turning", "#votes"):
        page.click(f"{part} summary")
    expect(page.locator("#votes table")).to_be_visible()


def cautions(page: Page) -> None:
    show_result(page, EXTREMES, "followup")
    expect(page.locator(".cautions li")).to_be_visible()


def unfamiliar(page: Page) -> None:
    show_result(page, {**BEDSIDE, "age": "110", "ejection_fraction": "85", "serum_creatinine": "30"})
    expect(page.locator("#unfamiliar h2")).to_be_visible()


def errors(page: Page) -> None:
    fill(page, {"age": "620", "platelets": "265,000", "diabetes": "1"})
    press(page)
    expect(page.locator("#platelets-error")).to_be_visible()


def expired(page: Page) -> None:
    fill(page, BEDSIDE)
    page.context.clear_cookies()
    press(page)
    expect(page.locator("#summary")).to_be_focused()


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
    "result": result,
    "cautions": cautions,
    "unfamiliar patient": unfamiliar,
    "errors": errors,
    "expired": expired,
    "server error": server_error,
    "answer under way": under_way,
    "model": at("/models/bedside", "Bedside model"),
    "API": at("/api/v1/", "API"),
    "not found": at("/nothing", "Not Found"),
}

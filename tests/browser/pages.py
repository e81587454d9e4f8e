"""Steps of a person at the form, requests that are held back, and a watch on what a page does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from playwright.sync_api import Page, Route, expect

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from heartapp.ui import forms
from tests.server.running import wait_until

FOLLOWUP: dict[str, str] = {variable.name: f"{variable.example:.10g}" for variable in VARIABLES}
BEDSIDE = {name: FOLLOWUP[name] for name in MODEL_VARIABLES["bedside"]}
UNFAMILIAR = {"age": "105", "ejection_fraction": "80", "serum_creatinine": "9"}
# Every number is at its limit, so each has a caution.
EXTREMES = {variable.name: str(variable.high) for variable in VARIABLES} | {"serum_creatinine": "40 mg/dL"}

OPTIONS = {option.name: "" for option in forms.OPTIONS}
UNITS = {f"{variable.name}_unit": variable.unit for variable in VARIABLES if variable.common_units}
BUTTON = "#patient button[type=submit]"


def fill(page: Page, values: Mapping[str, str]) -> None:
    """Enter values as a person with a mouse does."""
    if folded := page.query_selector("#also:not([open]) > summary"):
        folded.click()
    for name, text in values.items():
        if name in UNITS:
            page.select_option(f"#{name}", text)
        elif name in OPTIONS or BY_NAME[name].kind == "number":
            page.fill(f"#{name}", text)
        else:
            page.check(f'[name="{name}"][value="{text}"]')


def press(page: Page) -> None:
    page.click(BUTTON)


def standing(page: Page) -> dict[str, str]:
    """The entries of the form, by field."""
    values: dict[str, str] = page.evaluate("() => Object.fromEntries(new FormData(document.getElementById('patient')))")
    return values


def form_with(values: Mapping[str, str], model: str = "bedside") -> dict[str, str]:
    """The entries of a form in which only these were entered."""
    numbers = {name: "" for name in MODEL_VARIABLES[model] if BY_NAME[name].kind == "number"}
    options = OPTIONS if model == "bedside" else {"threshold": ""}
    return {"model": model, "kept": "", **numbers, **UNITS, **options, **values}


def expect_result(page: Page, risk: float | None = None) -> None:
    """Wait for a result; for this risk where one is given."""
    expect(page.locator("#result")).to_have_attribute("data-state", "prediction")
    if risk is None:
        expect_settled(page)
    else:
        expect(page.locator("#risk")).to_have_attribute("value", str(risk))


def expect_settled(page: Page) -> None:
    """Wait until the answer belongs to the entries."""
    expect(page.locator("#result")).to_have_class("result")


def expect_trouble(page: Page) -> None:
    expect(page.locator("#result")).to_have_attribute("data-state", "trouble")
    expect(page.locator("#result [role=alert]")).to_contain_text("Nothing you entered is lost.")
    expect(page.locator("#risk")).to_have_count(0)


def show_result(page: Page, values: Mapping[str, str], model: str = "bedside") -> None:
    """From the empty form to a result."""
    if model != "bedside":
        page.goto(f"/?model={model}")
    fill(page, values)
    press(page)
    expect_result(page)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


class Held:
    """Requests to ``/predict`` that wait until the test lets them go."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.routes: list[Route] = []
        self.holding = True
        page.route("**/predict", self.take)

    def take(self, route: Route) -> None:
        if self.holding:
            self.routes.append(route)
        else:
            route.continue_()

    def wait_for(self, count: int) -> list[Route]:
        """The held requests, once there are that many."""

        def arrived() -> bool:
            self.page.evaluate("1")  # lets Playwright hand over what has happened
            return len(self.routes) >= count

        wait_until(arrived, f"{count} requests are held")
        return self.routes

    def let_go(self) -> None:
        """Send on what waits and hold nothing from now on."""
        self.holding = False
        for route in self.routes:
            route.continue_()


@dataclass
class Watch:
    """Notes what a page must not do: report an error, break its Content-Security-Policy, ask another host."""

    origin: str
    expected: re.Pattern[str]
    faults: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", lambda message: self.note(message.type, message.text))
        page.on("pageerror", lambda error: self.note("error", str(error)))
        page.on("request", lambda request: self.note_request(request.url))

    def note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not self.expected.search(text):
            self.faults.append(f"{kind}: {text}")

    def note_request(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "data:")):
            self.faults.append(f"request to {url}")

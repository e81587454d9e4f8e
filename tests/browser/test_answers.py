"""Answers that are slow, out of order or missing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import STATUS_NOTE, Open
from tests.browser.pages import (
    BEDSIDE,
    BUTTON,
    Held,
    expect_result,
    expect_settled,
    expect_trouble,
    fill,
    form_with,
    press,
    show_result,
    standing,
)
from tests.browser.test_accessibility import check
from tests.client import damaged_copy
from tests.server.running import BEDSIDE_EXAMPLE, Server, make_home, running

# The messages of the browser and of HTMX about an answer that never comes.
NO_ANSWER_NOTE = rf"{STATUS_NOTE}|^Failed to load resource: net::|^htmx: htmx:error: "
PAST_THE_TIMEOUT = 21_000
PROXY_PAGE = "<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
COLLECT_RISKS = """() => {
    window.risks = [];
    new MutationObserver(() => {
        const value = document.getElementById("risk")?.getAttribute("value");
        if (value && value !== window.risks.at(-1)) window.risks.push(value);
    }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
}"""


# 500 ages with pauses on both sides of the one before entries are sent; gives age and risk whenever both fit.
TYPE_FAST = """async () => {
    const age = document.getElementById("age"), result = document.getElementById("result"), seen = [];
    const look = () => {
        if (result.className === "result" && document.getElementById("risk"))
            seen.push([age.value, document.getElementById("risk").getAttribute("value")]);
    };
    new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true});
    for (let change = 0; change < 500; change += 1) {
        age.value = 45 + (change * 7) % 45;
        age.dispatchEvent(new Event("input", {bubbles: true}));
        look();
        await new Promise((go) => setTimeout(go, change % 25 ? change % 9 : 300));
    }
    while (result.className !== "result") await new Promise((go) => setTimeout(go, 20));
    look();
    return seen;
}"""


def risk(server: Server, **changes: float) -> float:
    value: float = server.predict({**BEDSIDE_EXAMPLE, **changes}).json["risk"]
    return value


def stale(server: Server, seen: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The ages with a risk that is not theirs."""
    known = {age: risk(server, age=int(age)) for age in {age for age, _ in seen}}
    return [(age, shown) for age, shown in seen if float(shown) != known[age]]


def test_while_an_answer_is_under_way_the_page_says_so_and_fades_the_old_result(page: Page) -> None:
    show_result(page, BEDSIDE)
    expect(page.locator(".working")).to_be_hidden()
    held = Held(page)
    press(page)
    held.wait_for(1)
    expect(page.locator(".working")).to_have_css("opacity", "1")
    expect(page.locator("#risk")).to_have_css("opacity", "0.6")
    held.let_go()
    expect(page.locator("#risk")).to_have_css("opacity", "1")
    expect(page.locator(".working")).to_be_hidden()


def test_text_typed_while_an_answer_is_under_way_is_kept_and_sent_next(page: Page, server: Server) -> None:
    fill(page, BEDSIDE)
    held = Held(page)
    press(page)
    held.wait_for(1)
    page.focus("#age")
    page.keyboard.press("End")
    page.keyboard.type(".5")
    held.let_go()
    expect_result(page, risk(server, age=62.5))
    expect(page.locator("#age")).to_be_focused()
    expect_settled(page)
    assert standing(page) == form_with({**BEDSIDE, "age": "62.5"})


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        (lambda page: page.check('[name="anaemia"][value="1"]'), {"anaemia": 1}),
        (lambda page: (page.fill("#ejection_fraction", "15"), page.click("h1")), {"ejection_fraction": 15}),
    ],
    ids=["a choice", "a text and a click elsewhere"],
)
def test_the_result_belongs_to_what_was_changed_while_an_answer_was_under_way(
    page: Page, server: Server, change: Callable[[Page], object], changes: dict[str, float]
) -> None:
    fill(page, BEDSIDE)
    held = Held(page)
    press(page)
    held.wait_for(1)
    change(page)
    held.wait_for(2)
    held.let_go()
    expect_result(page, risk(server, **changes))
    expect_settled(page)
    assert standing(page) == form_with({**BEDSIDE, **{name: str(value) for name, value in changes.items()}})


def test_what_a_program_fills_in_while_an_answer_is_under_way_is_kept_and_sent_next(page: Page, server: Server) -> None:
    fill(page, BEDSIDE)
    held = Held(page)
    press(page)
    held.wait_for(1)
    page.evaluate("document.getElementById('age').value = '63'")  # as autofill may, without an event
    held.let_go()
    expect_result(page, risk(server, age=63))
    expect_settled(page)
    assert standing(page) == form_with({**BEDSIDE, "age": "63"})


def test_going_back_to_the_shown_entries_keeps_their_answer(page: Page, server: Server) -> None:
    show_result(page, BEDSIDE)
    held = Held(page)
    page.fill("#age", "94")
    held.wait_for(1)
    page.fill("#age", "62")
    with page.expect_response("**/predict"):
        held.let_go()
    expect_result(page, risk(server))
    expect_settled(page)


def test_faults_after_a_change_under_way_still_move_the_focus_to_the_summary(page: Page) -> None:
    fill(page, {**BEDSIDE, "serum_sodium": "much"})
    held = Held(page)
    press(page)
    held.wait_for(1)
    page.check('[name="anaemia"][value="1"]')
    held.wait_for(2)
    held.let_go()
    expect(page.locator("#summary")).to_be_focused()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["older first", "older last"])
def test_an_older_answer_never_replaces_a_newer_one(page: Page, server: Server, order: tuple[int, int]) -> None:
    show_result(page, BEDSIDE)
    held = Held(page)
    page.evaluate(COLLECT_RISKS)
    for count, age in enumerate(("94", "41"), start=1):
        # The change sends nothing, as autofill may, so each press is one request.
        page.locator("#age").evaluate("(field, age) => { field.value = age }", age)
        press(page)
        held.wait_for(count)
    first, last = held.routes
    answers = [(route, route.fetch()) for route in (first, last)]
    for index in order:
        route, response = answers[index]
        route.fulfill(response=response)
    expect_result(page, risk(server, age=41))
    # A third answer arrives, so the other two have been handled.
    page.unroute("**/predict")
    page.fill("#age", "60")
    press(page)
    expect_result(page, risk(server, age=60))
    assert str(risk(server, age=94)) not in page.evaluate("risks")
    assert str(risk(server, age=41)) in page.evaluate("risks")


def test_after_many_fast_changes_the_answer_is_that_of_the_last_entry(page: Page, server: Server) -> None:
    """Each answer that is shown as up to date is looked at while ages are entered faster than answers come."""
    show_result(page, BEDSIDE)
    seen = page.evaluate(TYPE_FAST)
    assert len(seen) > 10
    assert stale(server, seen) == []


def never(_route: Route) -> None:
    """Give no answer."""


TROUBLES: dict[str, Callable[[Route], None]] = {
    "a proxy's error page": lambda route: route.fulfill(status=502, content_type="text/html", body=PROXY_PAGE),
    "a problem document": lambda route: route.fulfill(status=503, content_type="application/problem+json", body="{}"),
    "a lost connection": lambda route: route.abort("connectionreset"),
    "no answer in time": never,
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_trouble_is_shown_in_place_of_the_result_and_the_next_press_works(
    open_page: Open, server: Server, trouble: Callable[[Route], None]
) -> None:
    page = open_page("about:blank", expected_errors=NO_ANSWER_NOTE)
    page.clock.install()
    page.goto(server.url)
    show_result(page, BEDSIDE)
    page.route("**/predict", trouble)
    page.fill("#age", "94")
    with page.expect_request("**/predict"):
        press(page)
    if trouble is never:
        page.clock.fast_forward(PAST_THE_TIMEOUT)
    expect_trouble(page)
    expect(page.locator("#announcement")).to_be_empty()
    assert standing(page) == form_with({**BEDSIDE, "age": "94"})
    page.unroute("**/predict")

    held = Held(page)
    press(page)
    held.wait_for(1)
    expect(page.locator(".working")).to_be_visible()
    held.let_go()
    expect_result(page, risk(server, age=94))
    expect(page.locator(BUTTON)).to_be_focused()


def test_an_unavailable_model_is_named_in_place_of_the_result(tmp_path: Path, open_page: Open) -> None:
    home = make_home(tmp_path / "home", models=damaged_copy(tmp_path / "models", "bedside"))
    with running(home, "--workers", "1") as other:
        page = open_page(base=other.url)
        expect(page.locator("#result h2")).to_have_text("Not available: Bedside model")
        fill(page, BEDSIDE)
        press(page)
        expect_trouble(page)
        expect(page.locator("#result h2")).to_have_text("Not available: Bedside model")
        expect(page.locator(BUTTON)).to_be_focused()
        check(page)
        page.click(".other a")
        page.fill("#time", "100")
        press(page)
        expect_result(page)

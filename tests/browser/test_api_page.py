"""The page that explains the API: a command, the answer to it, and a button to copy it."""

import json
import shlex

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.test_accessibility import check

PAGE = "/api/v1/"


def test_the_command_and_its_answer_fit_one_screen_and_the_api_gives_that_answer(open_page: Open) -> None:
    page = open_page(PAGE, viewport={"width": 1440, "height": 900})
    for seen in ("#one", ".copy:not([hidden])", "#answer"):
        expect(page.locator(seen).first).to_be_in_viewport(ratio=1)
    *_, sent = shlex.split(page.inner_text("#one").replace("\\\n", ""))
    answer = page.request.post(f"{PAGE}predict", data=json.loads(sent))
    assert json.loads(page.inner_text("#answer")) == answer.json()


def test_on_a_phone_the_command_is_on_the_first_screen_and_nothing_is_wider(open_page: Open) -> None:
    for width in (390, 320):
        page = open_page(PAGE, viewport={"width": width, "height": 844})
        expect(page.locator("#one")).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("name", ["one", "table"])
def test_the_button_puts_the_command_on_the_clipboard(open_page: Open, name: str) -> None:
    page = open_page(PAGE, permissions=["clipboard-read", "clipboard-write"])
    page.click(f"[data-copy={name}]")
    expect(page.locator(f"[data-copy={name}] + [role=status]")).not_to_be_empty()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.text_content(f"#{name}")
    assert copied.startswith("curl http")
    check(page)


def test_without_javascript_no_button_is_shown(open_page: Open) -> None:
    page = open_page(PAGE, java_script_enabled=False)
    expect(page.locator("button").first).to_be_hidden()
    expect(page.locator("#answer")).to_be_visible()

"""The form of servers that are set up otherwise than the shipped one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.pages import (
    BEDSIDE,
    BUTTON,
    FOLLOWUP,
    choose_model,
    expect_result,
    expect_trouble,
    fill,
    form_with,
    press,
    show_result,
    standing,
)
from tests.browser.test_accessibility import SCREENS, violations
from tests.client import damaged_copy
from tests.server.running import make_home, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Open


def test_where_the_follow_up_model_is_the_default_the_follow_up_time_is_asked_for(
    tmp_path: Path, open_page: Open
) -> None:
    home = make_home(tmp_path / "home")
    with running(home, "--workers", "1", HEARTAPP_DEFAULT_MODEL="followup") as server:
        page = open_page(base=server.url)
        expect(page.locator("#time")).to_be_visible()
        show_result(page, FOLLOWUP, "followup")
        choose_model(page, "bedside")
        expect(page.locator("#time")).to_be_hidden()
        expect(page.locator("#result .eyebrow")).to_contain_text("Bedside model")


def test_a_model_that_is_not_available_says_so_where_the_result_would_be_and_costs_nothing_typed(
    tmp_path: Path, open_page: Open
) -> None:
    home = make_home(tmp_path / "home", models=damaged_copy(tmp_path / "models", "bedside"))
    with running(home, "--workers", "1") as server:
        page = open_page(base=server.url)
        expect(page.locator("#group-model")).to_contain_text("The bedside model is not available")
        fill(page, FOLLOWUP)
        press(page)
        expect_trouble(page)
        expect(page.locator("#result h2")).to_have_text("The bedside model is not available")
        expect(page.locator(BUTTON)).to_be_focused()
        assert standing(page) == {name: text for name, text in form_with(FOLLOWUP).items() if name != "model"}
        assert [violations(page, width, scheme) for width, scheme in SCREENS.values()] == [[], [], []]
        choose_model(page, "followup")
        press(page)
        expect_result(page)


def test_without_a_model_the_page_says_so_and_keeps_what_was_typed(tmp_path: Path, open_page: Open) -> None:
    (tmp_path / "models").mkdir()
    home = make_home(tmp_path / "home", models=tmp_path / "models")
    with running(home, "--workers", "1") as server:
        page = open_page(base=server.url)
        expect(page.locator("#result h2")).to_have_text("No model is available")
        assert [violations(page, width, scheme) for width, scheme in SCREENS.values()] == [[], [], []]
        fill(page, BEDSIDE)
        press(page)
        expect_trouble(page)
        expect(page.locator("#result h2")).to_have_text("No model is available")
        expect(page.locator("#age")).to_have_value(BEDSIDE["age"])

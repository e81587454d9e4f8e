"""The form of servers that are set up otherwise than the shipped one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.pages import BEDSIDE, FOLLOWUP, choose_model, expect_trouble, fill, press, show_result
from tests.browser.test_accessibility import SCREENS, violations
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
        expect(page.locator("#age")).to_have_value(BEDSIDE["age"])

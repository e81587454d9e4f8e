"""`/validate` in a browser, with a table whose columns have other names, units and codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import expect

from tests.validation.conftest import draw, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from heartapp.inference.model import Model
    from tests.browser.conftest import Open

ROWS = 1_000


@pytest.fixture(scope="module")
def table(bedside: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    drawn = draw(bedside, ROWS, intercept=-1)
    columns = {
        "patient_years": drawn.columns["age"],
        "LVEF": (drawn.columns["ejection_fraction"] / 100).round(2),
        "Kreatinin": (drawn.columns["serum_creatinine"] * 88.42).round(1),
        "Gender": np.where(drawn.columns["sex"] == 1, "1", "2"),
        "Dead": np.where(drawn.died == 1, "yes", "no"),
    }
    return write_table(tmp_path_factory.mktemp("browser-table") / "cohort.csv", columns)


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_a_table_is_matched_judged_and_scored(open_page: Open, table: Path, *, scripts: bool) -> None:
    page = open_page("/", viewport={"width": 1280, "height": 800}, java_script_enabled=scripts)
    page.click("text=Check it on your own patients")
    page.set_input_files("#file", table)
    page.click("text=Match its columns")
    expect(page.locator("h1")).to_have_text("Which column is what?")
    expect(page.locator("[name=unit-ejection_fraction]")).to_have_value("fraction")
    page.select_option("[name=column-age]", "patient_years")
    page.click("text=Show the report")
    expect(page.locator("#faults li")).to_have_text("Serum creatinine: choose its column")
    page.select_option("[name=column-serum_creatinine]", "Kreatinin")
    page.select_option("[name=unit-serum_creatinine]", "µmol/L")
    page.click("text=Show the report")
    expect(page.locator("#faults li")).to_contain_text("enter which texts stand for what", timeout=60_000)
    page.fill("[name=one-sex]", "1")
    page.fill("[name=zero-sex]", "2")
    page.click("text=Show the report")
    expect(page.locator("#verdict")).to_contain_text("Do not use it here as it is", timeout=60_000)
    expect(page.locator("h2#groups + table tbody tr")).to_have_count(5)
    page.click("text=Back to the columns")
    expect(page.locator("[name=column-serum_creatinine]")).to_have_value("Kreatinin")
    page.select_option("[name=column-outcome]", "")
    page.click("text=Show the report")
    expect(page.locator("#verdict")).to_contain_text("1,000 of 1,000 rows have a risk", timeout=60_000)
    with page.expect_download() as download:
        page.click("text=Download the table with risks")
    assert len(download.value.path().read_text("utf-8").splitlines()) == ROWS + 1


@pytest.mark.parametrize("width", [360, 1280])
def test_each_step_is_accessible_and_fits(open_page: Open, table: Path, width: int) -> None:
    page = open_page("/validate", viewport={"width": width, "height": 800})
    page.set_input_files("#file", table)
    for button, shown in (("Match its columns", ".matching"), ("Show the report", "#faults")):
        assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
        page.click(f"text={button}")
        page.wait_for_selector(shown)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()

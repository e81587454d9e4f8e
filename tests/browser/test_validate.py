"""`/validate` in a browser, with a table whose columns have other names, units and codes."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from heartapp.inference.model import Model
from tests.browser.conftest import Open
from tests.browser.test_accessibility import check
from tests.validation.conftest import draw, write_table

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


def test_a_table_is_matched_judged_and_scored(open_page: Open, table: Path) -> None:
    """No step has a script, so it is the same without JavaScript."""
    page = open_page("/", viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.click("text=Check it on your own patients")
    page.set_input_files("#file", table)
    page.click("text=Match its columns")
    expect(page.locator("h1")).to_have_text("Which column is what?")
    expect(page.locator("script")).to_have_count(0)
    expect(page.locator("[name=unit-ejection_fraction]")).to_have_value("fraction")
    page.select_option("[name=column-age]", "patient_years")
    page.click("text=Show the report")
    expect(page.locator("#faults li")).to_contain_text(["choose its column", "enter which texts stand for man"])
    check(page)
    page.select_option("[name=column-serum_creatinine]", "Kreatinin")
    page.select_option("[name=unit-serum_creatinine]", "µmol/L")
    page.fill("[name=one-sex]", "1")
    page.fill("[name=zero-sex]", "2")
    page.click("text=Show the report", no_wait_after=True)
    expect(page.locator(".progress:visible")).to_have_count(1, timeout=60_000)
    expect(page.locator("#verdict")).to_contain_text("Do not use it here as it is", timeout=60_000)
    expect(page.locator("h2#groups + table tbody tr").first).to_be_visible()
    expect(page.locator(".progress:visible")).to_have_count(0)
    check(page)
    page.click("text=Back to the columns")
    expect(page.locator("[name=column-serum_creatinine]")).to_have_value("Kreatinin")
    page.select_option("[name=column-outcome]", "")
    page.click("text=Show the report")
    expect(page.locator("#verdict")).to_contain_text("1,000 of 1,000 rows have a risk", timeout=60_000)
    check(page)
    with page.expect_download() as download:
        page.click("text=Download the table with risks")
    assert len(download.value.path().read_text("utf-8").splitlines()) == ROWS + 1

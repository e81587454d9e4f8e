"""The model's page with everything that a report can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import check
from tests.reports import models_with, report_of
from tests.server.running import make_home, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browser.conftest import Open


@pytest.fixture(scope="module")
def reported(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose models have full reports."""
    folder = tmp_path_factory.mktemp("reported")
    with running(make_home(folder / "home", models=models_with(models, folder / "models", report_of()))) as server:
        yield server.url


def test_no_violation(open_page: Open, reported: str) -> None:
    check(open_page("/models/followup", base=reported, viewport={"width": 1280, "height": 800}))


@pytest.mark.parametrize("width", [320, 390, 720, 1280])
def test_the_page_never_scrolls_sideways_and_plots_keep_readable_letters(
    open_page: Open, reported: str, width: int
) -> None:
    page = open_page("/models/bedside", base=reported, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg.plot')].map(plot => 5 * plot.getScreenCTM().a)"  # letters are 5 units high
    )
    assert len(sizes) == 4
    assert min(sizes) >= 10


def test_the_label_of_facts_fits_one_screen(open_page: Open, reported: str) -> None:
    label = open_page("/models/bedside", base=reported, viewport={"width": 1280, "height": 800}).locator("table").first
    box = label.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 800
    label = open_page("/models/bedside", base=reported, viewport={"width": 390, "height": 844}).locator("table").first
    box = label.bounding_box()
    assert box is not None
    assert box["height"] <= 844


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_curves_stand_out_from_the_paper(open_page: Open, reported: str, scheme: Literal["light", "dark"]) -> None:
    page = open_page("/models/bedside", base=reported, color_scheme=scheme)
    # The relative luminance of WCAG 2; 3 to 1 is what it asks of graphics.
    contrasts = page.evaluate(
        """() => {
          const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(one => one / 255)
            .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
            .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
          const paper = light(getComputedStyle(document.documentElement).backgroundColor);
          return ['.line.model', '.line.ideal', '.line.everyone', '.line.comparator', '.plot .axis'].map(name => {
            const ink = light(getComputedStyle(document.querySelector(name)).stroke);
            return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
          });
        }"""
    )
    assert min(contrasts) >= 3


def test_on_paper_plots_and_tables_are_there_and_the_contents_are_not(open_page: Open, reported: str) -> None:
    page = open_page("/models/bedside", base=reported)
    page.emulate_media(media="print")
    expect(page.locator(".contents")).to_be_hidden()
    expect(page.locator("svg.plot").first).to_be_visible()
    expect(page.locator("table").first).to_be_visible()

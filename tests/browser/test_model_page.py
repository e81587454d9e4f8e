"""The model's page, as shipped and with everything that a report can hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from heartapp.clinical.variables import MODEL_VARIABLES
from tests.browser.conftest import Open
from tests.browser.test_accessibility import check
from tests.reports import models_with, report_of
from tests.server.running import make_home, running


@pytest.fixture(scope="module")
def reported(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose models have full reports."""
    folder = tmp_path_factory.mktemp("reported")
    with running(make_home(folder / "home", models=models_with(models, folder / "models", report_of()))) as server:
        yield server.url


SCREEN = {"width": 1440, "height": 900}
WORDS = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const seen = [];
    while (texts.nextNode()) if (texts.currentNode.parentElement.checkVisibility()) seen.push(texts.currentNode.data);
    return seen.join(' ').match(/\\S+/g).length;
}"""


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "unfolded"])
def test_no_violation(open_page: Open, reported: str, *, folded: bool) -> None:
    page = open_page("/models/followup", base=reported)
    if not folded:
        unfold(page)
    check(page)


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_the_first_two_screens_hold_facts_and_plots_and_few_words_are_visible(open_page: Open, name: str) -> None:
    page = open_page(f"/models/{name}", viewport=SCREEN)
    facts, *others = [one.bounding_box() for one in page.locator(".glance > section, .figure").all()]
    assert facts
    assert facts["y"] + facts["height"] <= SCREEN["height"]
    assert len(others) == {"bedside": 5, "followup": 3}[name]  # the limits and the plots
    assert all(box and box["y"] + box["height"] <= 2 * SCREEN["height"] for box in others)
    assert 300 < page.evaluate(WORDS) <= 800


@pytest.mark.parametrize("name", MODEL_VARIABLES)
@pytest.mark.parametrize("width", [320, 390, 720, 1280])
def test_neither_the_page_nor_a_table_is_wider_than_the_screen(open_page: Open, width: int, name: str) -> None:
    page = open_page(f"/models/{name}", viewport={"width": width, "height": 800})
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    tables = page.evaluate(
        "[...document.querySelectorAll('table')].map(one => one.getBoundingClientRect().left + one.scrollWidth)"
    )
    assert len(tables) >= 7
    assert max(tables) <= width


@pytest.mark.parametrize("width", [320, 390, 720, 1280])
def test_plots_keep_readable_letters(open_page: Open, reported: str, width: int) -> None:
    page = open_page("/models/bedside", base=reported, viewport={"width": width, "height": 800})
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg.plot')].map(plot => 5 * plot.getScreenCTM().a)"  # letters are 5 units high
    )
    assert len(sizes) == 4
    assert min(sizes) >= 10


def test_a_link_to_a_folded_part_opens_it(open_page: Open) -> None:
    page = open_page("/models/bedside", viewport=SCREEN)
    expect(page.locator("#risk-of-bias")).to_be_hidden()
    page.click("a[href='#risk-of-bias']")
    expect(page.locator("#risk-of-bias table")).to_be_in_viewport()


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


def test_a_print_has_the_plots_and_the_folded_tables(open_page: Open, reported: str) -> None:
    page = open_page("/models/bedside", base=reported)
    page.emulate_media(media="print")
    for shown in (*page.locator("svg.plot").all(), *page.locator("table").all()):
        expect(shown).to_be_visible()

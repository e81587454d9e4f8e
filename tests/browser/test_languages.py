"""Every language in the browser, and a pseudo-language whose words are half as long again."""

from collections.abc import Callable, Iterator
from threading import Thread

import pytest
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from heartapp.ui import language as languages
from heartapp.ui.language import LANGUAGES
from tests.browser import states
from tests.browser.conftest import Open
from tests.browser.pages import BEDSIDE, expect_result, show_result
from tests.browser.test_accessibility import check
from tests.client import make_app
from tests.languages import Pseudo

STATES = (states.empty, states.all_fields, states.details, states.kept, states.question, states.torn)
CUT_OFF = """() => {
    const named = (element) => `${element.tagName} ${element.id} ${element.textContent.trim().slice(0, 60)}`;
    const all = [...document.body.querySelectorAll("*")];
    const seen = all.filter((one) => one.checkVisibility() && one.textContent.trim());
    const boxes = seen.filter((one) => one instanceof HTMLElement && !one.closest(".visually-hidden, .skip"));
    const wide = boxes.filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth + 1);
    const drawn = seen.filter((one) => one.tagName === "text").filter((one) => {
        const { left, right } = one.getBoundingClientRect();
        return left < 0 || right > innerWidth;
    });
    return [...wide, ...drawn].map(named);
}"""


@pytest.fixture(scope="module")
def pseudo() -> Iterator[str]:
    """A server whose pages are in the pseudo-language."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(languages, "_catalogue", lambda _: Pseudo())
        server = make_server("127.0.0.1", 0, make_app(), threaded=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.port}"
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answer_has_no_violation_in_any_language(open_page: Open, language: str) -> None:
    page = open_page(f"/{language}/", reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    states.details(page)
    expect(page.locator("html")).to_have_attribute("lang", language)
    check(page)


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("reach", STATES)
def test_nothing_is_cut_off_where_words_are_longer(
    open_page: Open, pseudo: str, reach: Callable[[Page], None], width: int
) -> None:
    page = open_page(base=pseudo, viewport={"width": width, "height": 800})
    reach(page)
    expect(page.locator("h1")).to_contain_text("⟦")
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_another_language_keeps_what_was_entered_and_answers_in_it(page: Page) -> None:
    show_result(page, BEDSIDE)
    risk = page.locator("#risk").get_attribute("value")
    page.click("footer [lang=zh]")
    expect(page).to_have_url("/zh/")
    expect_result(page)
    expect(page.locator("#risk")).to_have_attribute("value", str(risk))
    expect(page.locator("#result-title")).to_contain_text("天")

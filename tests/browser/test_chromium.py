"""The browser that the other tests of this folder need."""

from tests.browser.conftest import CHROMIUM
from tests.conftest import require


def test_chromium_is_there_for_the_browser_tests() -> None:
    require(
        CHROMIUM is not None,
        "the browser tests need Chromium: on Debian or Ubuntu `apt install chromium`, elsewhere name it in "
        "HEARTAPP_CHROMIUM",
        installed_in_ci=True,
    )

"""Make the pictures in docs/: `python -m tests.browser.pictures`."""

import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.states import STATES
from tests.server.running import ROOT, make_home, running

COLOURS = 64
# File, state and size of the window.
PICTURES = (
    ("form", "result", 1200, 760),
    ("empty", "empty", 1200, 600),
    ("caution", "unfamiliar patient", 1200, 760),
    ("question", "doubtful numbers", 390, 700),
    ("compare", "A and B", 1200, 800),
)


def main() -> None:
    """Take each picture at the top of its page."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(make_home(Path(folder) / "home")) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, "--disable-lcd-text"]) as browser,
    ):
        for name, state, width, height in PICTURES:
            page = browser.new_page(base_url=server.url, viewport={"width": width, "height": height})
            page.goto("/")
            STATES[state](page)
            page.evaluate("document.activeElement.blur(); also.open = false; scrollTo(0, 0)")
            picture = Image.open(BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
            picture.quantize(COLOURS, dither=Image.Dither.NONE).save(ROOT / "docs" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()

"""Measure the page in Chromium: the first load, the time from a key to its painted answer, and stale answers."""

import statistics
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.pages import BEDSIDE, show_result
from tests.browser.test_answers import TYPE_FAST, stale
from tests.server.running import make_home, running

KEYS: Final = 40
# From the key event to the frame after the risk has changed; the message comes when that frame is painted.
TIME_A_KEY: Final = """key => new Promise(painted => {
    const age = document.getElementById("age"), start = performance.now();
    new MutationObserver((_, observer) => {
        observer.disconnect();
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => painted(performance.now() - start);
        requestAnimationFrame(() => port2.postMessage(0));
    }).observe(document.getElementById("risk"), {attributes: true, attributeFilter: ["value"]});
    age.value = key;
    age.dispatchEvent(new Event("input", {bubbles: true}));
})"""


def main() -> None:
    """Print the figures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(make_home(Path(folder) / "home")) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) as browser,
    ):
        page = browser.new_page(base_url=server.url)
        print(f"first load: {first_load(page, page.context.new_cdp_session(page))}")
        show_result(page, BEDSIDE)
        times = sorted(page.evaluate(TIME_A_KEY, str((50, 90)[turn % 2])) for turn in range(KEYS))
        late = times[int(0.95 * KEYS) - 1]
        print(f"key to painted answer: median {statistics.median(times):.0f} ms, p95 {late:.0f} ms ({KEYS} keys)")
        print(f"stale answers in 500 fast changes: {len(stale(server, page.evaluate(TYPE_FAST)))}")


def first_load(page: Page, session: CDPSession) -> str:
    """Requests and bytes on the wire, headers included."""
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    session.send("Network.enable")
    page.goto("/", wait_until="networkidle")
    return f"{len(sizes)} requests, {sum(sizes):,.0f} bytes"


if __name__ == "__main__":
    main()

"""Rules for every page in every state, and the cost of the first visit."""

import gzip
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from tests.client import Page, entries, submit, text

LIMIT_BYTES, LIMIT_REQUESTS = 45_000, 6

STATES: dict[str, Callable[[FlaskClient], str]] = {
    "empty": lambda client: client.get("/").text,
    "example": lambda client: client.get("/?example=1").text,
    "result": lambda client: submit(client, entries()).text,
    "follow-up result": lambda client: submit(client, entries("followup"), htmx=True).text,
    "result with values missing": lambda client: submit(client, {**entries(), "platelets": "", "diabetes": ""}).text,
    "result of an unfamiliar patient": lambda client: submit(client, {**entries(), "age": "110", "sex": ""}).text,
    "result with options": lambda client: submit(client, {**entries(), "threshold": "5", "horizon": "47"}).text,
    "errors": lambda client: submit(client, {"model": "followup"}).text,
    "follow-up": lambda client: client.get("/?model=followup").text,
    "unknown model": lambda client: submit(client, {**entries(), "model": "none"}, htmx=True).text,
    "bedside": lambda client: client.get("/models/bedside").text,
    "followup": lambda client: client.get("/models/followup").text,
    "validate": lambda client: client.get("/validate").text,
    "api": lambda client: client.get("/api/v1/").text,
    "not found": lambda client: client.get("/none").text,
    "wrong method": lambda client: client.put("/predict").text,
}


@pytest.fixture(params=STATES)
def page(request: pytest.FixtureRequest, client: FlaskClient) -> Page:
    """Each page in each state."""
    return Page(STATES[request.param](client))


def test_references_lead_to_elements_of_the_same_page(page: Page) -> None:
    for element in page.root.iter():
        for attribute in ("aria-describedby", "aria-labelledby", "aria-controls", "for"):
            assert set(element.get(attribute, "").split()) <= set(page.ids), (element.tag, attribute)
        target = element.get("href", "")
        assert not target.startswith("#") or target[1:] in page.ids, target


def test_no_script_or_style_is_inline(page: Page) -> None:
    for element in page.root.iter():
        assert element.tag != "style"
        assert element.tag != "script" or (element.get("src") and not element.text)
        assert not [name for name in element.attrib if name == "style" or name.startswith("on")]
        assert not any(value.strip().lower().startswith("javascript:") for value in element.attrib.values())


def test_every_page_and_result_says_it_is_for_research_and_education(page: Page) -> None:
    said = "For research and education, not for clinical decisions." in text(page.root)
    assert said is (page.root.tag == "html" or page.ids["result"].get("data-state") == "prediction")


def test_no_page_calls_the_outcome_a_heart_attack(page: Page) -> None:
    assert "heart attack" not in page.html.lower()


def test_every_page_has_one_first_heading_a_title_and_a_language(page: Page) -> None:
    if page.root.tag == "html":
        assert len(page.all("h1")) == 1
        assert page.all("title")[0].text
        assert page.root.get("lang") == "en"


def test_icon_arrays_fill_as_many_people_as_their_label_says(client: FlaskClient) -> None:
    for age in ("40", "95"):
        page = Page(submit(client, {**entries(), "age": age}).text)
        for figure in page.all("figure")[:2]:
            said = figure.find("svg")
            assert said is not None
            dead = figure.findall("svg/path")[0].attrib["d"]
            across, first, rest, last = map(int, re.fullmatch(r"M0 0H(\d+)V(\d+)H(\d+)V(\d+)H0Z", dead).groups())  # type: ignore[union-attr]  # fails where drawn otherwise
            filled = first / 10 * (across / 10) + (last - first) / 10 * (rest / 10)
            assert said.get("aria-label") == f"{filled:.0f} of 100"


def test_the_first_visit_is_small_and_uses_no_other_host(client: FlaskClient) -> None:
    accepts = {"Accept-Encoding": "gzip"}
    asked, to_ask, weight = set(), {"/"}, 0
    while to_ask:
        address = to_ask.pop()
        asked.add(address)
        with client.get(address, headers=accepts) as response:
            assert response.status_code == 200
            weight += len(response.data) + len(str(response.headers))
            if address == "/":
                to_ask |= {*Page(gzip.decompress(response.data).decode()).files()} - asked
    assert all(not urlsplit(address).netloc for address in asked)
    assert len(asked) <= LIMIT_REQUESTS
    assert weight <= LIMIT_BYTES


def test_links_stay_under_the_prefix_of_a_proxy(client: FlaskClient) -> None:
    page = Page(client.get("/", base_url="http://localhost/heart/").text)
    assert page.ids["patient"].get("action") == "/heart/predict#result"
    assert page.ids["patient"].get("hx-post") == "/heart/predict"
    links = [link.attrib["href"] for link in (*page.all("a"), *page.all("link"))]
    assert all(link.startswith(("/heart/", "#", "https://doi.org/")) for link in links)

"""Which language a page is in, and that it keeps it."""

import pytest
from flask.testing import FlaskClient

from heartapp.ui.language import LANGUAGES
from tests.client import Page, entries

every_language = pytest.mark.parametrize("language", LANGUAGES)


def asking(languages: str) -> dict[str, str]:
    """The headers of a browser that prefers these languages and accepts compressed answers."""
    return {"Accept-Language": languages, "Accept-Encoding": "gzip"}


def language_of(page: Page) -> str:
    return page.root.attrib["lang"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hans", "zh"),
        ("es-MX,en;q=0.5", "es"),
        ("de-CH", "de"),
        ("fr,de;q=0.3,en;q=0.2", "de"),
        ("en-GB,de", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("", "en"),
        ("a;q=b,,", "en"),
    ],
)
def test_the_plain_address_has_the_language_that_the_browser_prefers(
    client: FlaskClient, accepted: str, language: str
) -> None:
    for answer in (
        client.get("/", headers={"Accept-Language": accepted}),
        client.post("/predict", data=entries(), headers={"Accept-Language": accepted}),
    ):
        assert language_of(Page(answer.text)) == language
        assert "Accept-Language" in answer.headers["Vary"]


@every_language
def test_an_address_with_a_language_has_it_whatever_the_browser_prefers(client: FlaskClient, language: str) -> None:
    for accepted in LANGUAGES:
        for answer in (
            client.get(f"/{language}/", headers={"Accept-Language": accepted}),
            client.post(f"/{language}/predict", data=entries(), headers={"Accept-Language": accepted}),
            client.get(f"/{language}/none", headers={"Accept-Language": accepted}),
        ):
            assert language_of(Page(answer.text)) == language
            assert "Accept-Language" not in answer.headers.get("Vary", "")


@every_language
def test_links_and_forms_keep_the_language_of_the_address_and_files_have_none(
    client: FlaskClient, language: str
) -> None:
    page = Page(client.post(f"/{language}/predict", data=entries(), base_url="http://localhost/heart/").text)
    assert page.ids["patient"].get("action") == f"/heart/{language}/predict#result"
    assert page.ids["patient"].get("hx-post") == f"/heart/{language}/predict"
    assert page.ids["tools"].get("action") == f"/heart/{language}/receipt"
    for link in page.all("a"):
        target = link.attrib["href"]
        ours = target.startswith((f"/heart/{language}/", "/heart/api/", "#", "https://doi.org/"))
        assert ours or link.get("hreflang"), target
    assert all(address.startswith("/heart/static/") for address in page.files())


@pytest.mark.parametrize("address", ["/", "/?model=followup", "/models/followup", "/de/?model=followup", "/none"])
def test_the_footer_leads_to_the_page_in_each_language(client: FlaskClient, address: str) -> None:
    page = Page(client.get(address).text)
    links = {link.attrib["lang"]: link for link in page.all("a") if "lang" in link.attrib}
    assert set(links) == set(LANGUAGES)
    assert [code for code, link in links.items() if link.get("aria-current")] == [language_of(page)]
    plain = {"/none": "/"}.get(address, address.removeprefix("/de"))
    assert {code: link.attrib["href"] for code, link in links.items()} == {code: f"/{code}{plain}" for code in links}


def test_search_engines_find_each_language_of_the_form(client: FlaskClient) -> None:
    for address in ("/", "/zh/"):
        links = [link for link in Page(client.get(address).text).all("link") if link.get("rel") == "alternate"]
        wanted = {"x-default": "/", **{code: f"/{code}/" for code in LANGUAGES}}
        assert {link.attrib["hreflang"]: link.attrib["href"] for link in links} == wanted


@pytest.mark.parametrize("address", ["/fr/", "/zh/static/heartapp.css", "/zh/api/v1/models", "/zh/livez", "/zh/zh/"])
def test_nothing_else_has_a_language_in_its_address(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", ["/zh/models/bedside", "/zh/validate", "/api/v1/"])
def test_pages_in_english_say_so(client: FlaskClient, address: str) -> None:
    answer = client.get(address, headers={"Accept-Language": "zh"})
    assert language_of(Page(answer.text)) == "en"


def test_a_kept_compressed_page_is_for_one_language(client: FlaskClient) -> None:
    pages: dict[str, bytes] = {}
    for _ in range(2):
        for language in LANGUAGES:
            content = client.get("/", headers=asking(language)).data
            assert content == client.get("/", headers=asking(language)).data
            assert pages.setdefault(language, content) == content
    assert len(set(pages.values())) == len(LANGUAGES)

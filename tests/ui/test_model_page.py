import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heartapp.card.plots import plots
from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.report import Report
from heartapp.ui.model_page import Card, anchor, read_card
from heartapp.web.extension import get_registry
from tests.client import Page, make_app, text
from tests.reports import models_with, report_of, skipped_report, undated_report

REPORTS = {"full": report_of(), "undated": undated_report(), "skipped": skipped_report()}


@pytest.fixture(scope="module", params=REPORTS)
def report(request: pytest.FixtureRequest) -> Report:
    return REPORTS[request.param]


@pytest.fixture(scope="module")
def visitor(report: Report, models: Path, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = models_with(models, tmp_path_factory.mktemp("reports") / "models", report)
    return make_app(models=str(folder)).test_client()


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_the_page_has_every_section_and_table_of_the_card(visitor: FlaskClient, name: str) -> None:
    page, card = Page(visitor.get(f"/models/{name}").text), visitor.get(f"/models/{name}/card")
    assert card.content_type == "text/plain; charset=utf-8"
    titles = re.findall(r"^## (.*)$", card.text, re.MULTILINE)
    headings = {text(heading): heading.attrib["id"] for heading in page.all("section/h2")}
    folded = {text(part.findall("summary/h3")[0]): part[1].attrib["id"] for part in page.all("details")}
    assert [*headings][:2] == titles[:2]
    assert [*folded] == [*titles[2:], "Provenance"]
    assert all(id_ == anchor(title) for title, id_ in folded.items())
    assert len(page.all("table")) == len(re.findall(r"^\| -", card.text, re.MULTILINE))
    assert len(page.all("h1")) == 1


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_the_page_links_the_card_the_json_and_its_own_parts(visitor: FlaskClient, name: str) -> None:
    page = Page(visitor.get(f"/models/{name}").text)
    links = {link.attrib["href"] for link in page.all("a")}
    assert links >= {f"/models/{name}/card", f"/api/v1/models/{name}", "#limits", "#risk-of-bias"}
    inside = {link[1:] for link in links if link.startswith("#")}
    assert [name for name in inside if not page.all(f"*[@id='{name}']")] == []


def test_the_page_has_each_test_on_other_patients(app: Flask, client: FlaskClient) -> None:
    page, (one,) = Page(client.get("/models/bedside").text), get_registry(app).get("bedside").bundle.external
    row = text(page.all(f"*[a='{one.cohort}']/..")[0])
    figures = (one.result.discrimination.auc, one.result.calibration.observed_expected, one.result.calibration.slope)
    for shown in (f"{one.result.patients:,}", f"{one.result.events}", *(f"{figure.value:.2f}" for figure in figures)):
        assert shown in row
    assert one.result.verdict in text(page.root)
    assert {"#elsewhere", one.source} <= {link.attrib["href"] for link in page.all("a")}
    assert "elsewhere" not in Page(client.get("/models/followup").text).ids


def test_the_page_of_followup_starts_with_the_leak(visitor: FlaskClient) -> None:
    (warning,) = Page(visitor.get("/models/followup").text).all("blockquote")
    assert "Follow-up time leaks the outcome" in text(warning)
    assert not Page(visitor.get("/models/bedside").text).all("blockquote")


def test_every_plot_has_a_name_its_counts_and_a_key(visitor: FlaskClient, report: Report) -> None:
    page = Page(visitor.get("/models/bedside").text)
    figures = page.all("figure")
    assert len(figures) == len(plots(report))
    for figure in figures:
        plot, caption = figure.find("svg"), figure.find("figcaption")
        assert plot is not None
        assert caption is not None
        title = text(caption.findall("strong")[0])
        assert (plot.attrib["role"], plot.attrib["aria-label"]) == ("img", f"Plot: {title}")
        assert text(caption.findall("span[@class='counts']")[0]).startswith("299 patients, ")
        assert caption.findall("ul/li")


@pytest.mark.parametrize("name", ["none", "bedside "])
def test_the_card_of_a_model_that_is_not_served_is_not_found(client: FlaskClient, name: str) -> None:
    assert client.get(f"/models/{name}/card").status_code == 404


def read(markdown: str) -> Card:
    return read_card(markdown, "{}={}".format)


def html_of(markdown: str) -> str:
    return read(markdown).introduction


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("<script>1</script> & `a<b`", "&lt;script&gt;1&lt;/script&gt; &amp; <code>a&lt;b</code>"),
        ("**a** *b* [c](#d)", '<strong>a</strong> <em>b</em> <a href="#d">c</a>'),
        ("[a](javascript:1)", "[a](javascript:1)"),
    ],
)
def test_markdown_becomes_html_and_html_is_escaped(markdown: str, html: str) -> None:
    assert html_of(markdown) == f"<p>{html}</p>\n"


def test_a_cell_names_its_column_and_has_no_inline_style() -> None:
    html = html_of("| x | y |\n| --- | ---: |\n| z | 1 |\n")
    assert '<th scope="col">x</th>\n<th scope="col" class="number">y</th>' in html
    assert '<th scope="row">z</th>\n<td data-column="y" class="number">1</td>' in html
    assert "style" not in html


def test_only_a_plot_of_its_own_paragraph_is_a_plot() -> None:
    card = read("![B](plot:c)\n\na ![d](plot:e)\n\n![f](/g.png)\n\n![H](plot:i)\n")
    assert card.figures == ("c=B", "i=H")
    assert card.introduction.startswith("<p>a <img")
    assert card.introduction.count("<img") == 2


def test_a_card_is_read_by_sections() -> None:
    card = read("# Title\n\na\n\n## F g\n\nb\n\n## H\n\nc\n")
    assert card.introduction == "<p>a</p>\n"
    assert [(one.name, one.title, one.body) for one in card.sections] == [
        ("f-g", "F g", "<p>b</p>\n"),
        ("h", "H", "<p>c</p>\n"),
    ]
    assert read("").sections == ()

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.report import NetBenefit
from heartapp.inference.telling import tell
from heartapp.inference.telling.parts import Bullets, Figure, Table, Warn
from heartapp.ui import model_page
from tests.client import Page, make_app, text
from tests.reports import evaluation_of, manifest_of, models_with, report_of, skipped_report

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from heartapp.inference.report import Report
    from heartapp.inference.telling.parts import Part

REPORTS = {"full": report_of(), "skipped": skipped_report()}


@pytest.fixture(scope="module", params=REPORTS)
def report(request: pytest.FixtureRequest) -> Report:
    return REPORTS[request.param]


@pytest.fixture(scope="module")
def visitor(report: Report, models: Path, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = models_with(models, tmp_path_factory.mktemp("told") / "models", report)
    return make_app(models=str(folder)).test_client()


def plain(marked: str) -> str:
    """A telling's text without its marks."""
    return re.sub(r"\[([^]]+)]\([^)]+\)|\*+([^*]+)\*+|`([^`]+)`", r"\1\2\3", marked)


def strings(part: Part) -> list[str]:
    match part:
        case Bullets():
            return part.items
        case Warn():
            return [part.text]
        case Table():
            return [part.caption, *part.head, *(cell for row in part.rows for cell in row)]
        case Figure():
            return [part.title, part.seen, *strings(part.table)]
        case _:
            return [part]


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_page_and_card_say_what_is_told_of_the_report(
    visitor: FlaskClient, models: Path, report: Report, name: str
) -> None:
    page, card = Page(visitor.get(f"/models/{name}").text), visitor.get(f"/models/{name}/card")
    assert card.content_type == "text/plain; charset=utf-8"
    shown = page.text("main")
    for section in tell(manifest_of(models, name), report):
        assert page.text(section.anchor) == section.title
        assert f"\n## {section.title}\n" in card.text
        for part in section.parts:
            assert [one for one in strings(part) if plain(one) not in shown] == []
            if not isinstance(part, Figure):
                assert [one for one in strings(part) if one not in card.text] == []
            else:
                assert part.seen in card.text


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_the_page_links_the_card_the_json_and_the_faults_of_the_data(visitor: FlaskClient, name: str) -> None:
    page = Page(visitor.get(f"/models/{name}").text)
    links = {link.attrib["href"]: text(link) for link in page.all("a")}
    assert links[f"/models/{name}/card"] == "a model card"
    assert f"/api/v1/models/{name}" in links
    assert links["#data-and-its-faults"]
    assert "fault" in page.text("data-and-its-faults")
    contents = [link.attrib["href"] for link in page.all("nav[@class='contents']//a")]
    assert contents == ["#" + heading.attrib["id"] for heading in page.all("h2")]


def test_the_model_that_is_told_the_future_says_so_on_top(visitor: FlaskClient) -> None:
    (warning,) = Page(visitor.get("/models/followup").text).all("p[@class='warning']")
    assert "told the future" in text(warning)
    assert not Page(visitor.get("/models/bedside").text).all("p[@class='warning']")


def test_each_plot_has_a_name_what_there_is_to_see_and_its_numbers(visitor: FlaskClient, report: Report) -> None:
    figures = Page(visitor.get("/models/bedside").text).all("figure")
    assert len(figures) == (7 if report.evaluation else 0)
    for figure in figures:
        plot, caption, details = figure.find("svg"), figure.find("figcaption"), figure.find("details")
        assert plot is not None
        assert caption is not None
        assert details is not None
        assert plot.attrib["role"] == "img"
        title = text(caption.findall("h3")[0])
        assert title in plot.attrib["aria-label"]
        assert len(text(caption.findall("p")[0])) > 80
        assert title in text(details.findall("summary")[0])
        assert len(details.findall(".//tbody/tr")) >= 10


@pytest.mark.parametrize("name", ["none", "bedside "])
def test_the_card_of_a_model_that_is_not_served_is_not_found(client: FlaskClient, name: str) -> None:
    assert client.get(f"/models/{name}/card").status_code == 404


# Marks


@pytest.mark.parametrize(
    ("marked", "html"),
    [
        ("plain", "plain"),
        ("5 < 6 & `a<b`", "5 &lt; 6 &amp; <code>a&lt;b</code>"),
        ("**a** and *b*.", "<strong>a</strong> and <em>b</em>."),
        ("see [a “b”](#c)", 'see <a href="#c">a “b”</a>'),
        ('[<b>](x"y)', '<a href="x&#34;y">&lt;b&gt;</a>'),
    ],
)
def test_the_marks_of_a_text_become_html_and_all_else_is_escaped(marked: str, html: str) -> None:
    assert str(model_page.inline(marked)) == html


# Geometry


def test_a_calibration_plot_places_each_group() -> None:
    plot = model_page.plots(report_of())["calibration"]
    assert plot.dots[:2] == [(5, 98), (14, 88)]
    assert [line.points for line in plot.lines] == ["0,100 100,0"]
    assert [tick.label for tick in plot.x.ticks] == ["0%", "25%", "50%", "75%", "100%"]


def test_a_curve_runs_from_corner_to_corner_and_the_coin_at_the_share_of_deaths() -> None:
    plots = model_page.plots(report_of())
    points = plots["roc"].lines[-1].points.split()
    assert (points[0], points[-1], len(points)) == ("0,100", "100,0", 52)
    assert plots["precision-recall"].lines[0].points == "0,67.89 100,67.89"
    assert plots["precision-recall"].lines[-1].points.startswith("0,0 ")


def test_an_instability_plot_draws_each_range_around_its_risk() -> None:
    plot = model_page.plots(report_of())["instability"]
    assert (plot.bars[0], plot.dots[0]) == (model_page.Bar(5, 80, 99), (5, 95))
    assert len(plot.bars) == len(plot.dots) == 10


def test_a_decision_curve_stops_where_it_falls_off_the_plot() -> None:
    plot = model_page.plots(report_of())["decision"]
    lines = {line.style: line.points.split() for line in plot.lines}
    assert list(lines) == ["nobody", "everyone", "comparator", "model"]
    assert len(lines["model"]) == 12
    assert lines["everyone"][-1].endswith(",100")
    assert len(lines["everyone"]) == 5
    assert plot.y.high == pytest.approx(0.3)
    assert [tick.label for tick in plot.y.ticks] == ["0.0", "0.1", "0.2", "0.3"]
    assert [tick.label for tick in plot.x.ticks] == ["0%", "15%", "30%", "45%", "60%"]
    assert all(0 <= float(number) <= 100 for points in lines.values() for number in re.split("[ ,]", " ".join(points)))


def test_a_decision_curve_of_a_useless_model_is_drawn_as_far_as_there_is_one() -> None:
    curve = [NetBenefit(0.1, -0.2, 0.01, -0.3), NetBenefit(0.2, 0.1, 0.01, -0.4)]
    plot = model_page.plots(report_of(evaluation=evaluation_of(decision_curve=curve)))["decision"]
    assert {line.style: line.points for line in plot.lines}["model"] == ""


def test_what_a_report_lacks_has_no_plot() -> None:
    assert model_page.plots(skipped_report()) == {}
    assert set(model_page.plots(report_of())) == {
        "roc", "precision-recall", "calibration", "decision", "instability", "survival-90", "survival-180",
    }  # fmt: skip

"""Making the application, asking it as browsers and programs do, and reading what it answers."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, TreeBuilder

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from heartapp import create_app
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, VARIABLES
from heartapp.config import Settings
from heartapp.inference.bundle import ONNX
from heartapp.inference.model import Prediction
from heartapp.tables.columns import ADDED_NAMES, model_label

ROOT: Final = Path(__file__).parents[1]
SHIPPED: Final = ROOT / "models"
PROBLEM: Final = "application/problem+json"

_VOID: Final = {"br", "hr", "img", "input", "link", "meta"}
"""Elements that HTML ends by themselves."""


def make_app(**settings: Any) -> Flask:
    """The application over the shipped bundles, if the settings name no others."""
    return create_app(Settings(**{"models": str(SHIPPED), **settings}))


def damaged_copy(folder: Path, *names: str) -> Path:
    """A copy of the shipped bundles in which one byte of each named model's graph is flipped."""
    shutil.copytree(SHIPPED, folder)
    for name in names:
        for graph in (folder / name).glob(f"*/{ONNX}"):
            content = bytearray(graph.read_bytes())
            content[len(content) // 2] ^= 1
            graph.write_bytes(content)
    return folder


def example(model: str = "bedside") -> dict[str, float]:
    """The example patient, with the variables of a model."""
    return {name: BY_NAME[name].example for name in MODEL_VARIABLES[model]}


def entries(model: str = "bedside", values: Mapping[str, float] | None = None) -> dict[str, str]:
    """The form as a person fills it in: each field's text, and the model."""
    values = example(model) if values is None else values
    return {"model": model, **{name: _written(name, value) for name, value in values.items()}}


def _written(name: str, value: float) -> str:
    """A number with a point for decimals, a nought more where that could be thousands, and its unit where in doubt."""
    text = repr(value).removesuffix(".0")
    text += "0" * bool(re.fullmatch(r"\d{1,3}\.\d{3}", text))
    return f"{text} {BY_NAME[name].unit}" if BY_NAME[name].doubted(value) else text


def spelled(prediction: Prediction) -> dict[str, Any]:
    """What a table says of a patient, by the names of the added columns."""
    return {
        "risk": prediction.risk,
        "death_event": prediction.death_event,
        **{f"{vote.member}_probability": vote.probability for vote in prediction.votes},
        **{f"{vote.member}_vote": vote.vote for vote in prediction.votes},
        "cautions": " ".join(caution.kind for caution in prediction.cautions),
        "model": model_label(prediction.model),
    }


def added(row: Mapping[str, Any]) -> dict[str, Any]:
    """The added columns of a table's row, with its numbers read."""
    return {name: row[name] if name in {"cautions", "model"} else float(row[name]) for name in ADDED_NAMES}


class Page:
    """An answer in HTML. Making one checks that elements are well nested and that no id is there twice."""

    def __init__(self, html: str) -> None:
        tree = _Tree()
        tree.feed(html)
        tree.close()
        assert tree.open == []
        self.html = html
        self.root: Element = tree.builder.close()
        for template in self.all("template"):
            del template[:]  # What it holds is no part of the page until a script copies it.
        named = [element for element in self.root.iter() if element.get("id")]
        self.ids = {element.attrib["id"]: element for element in named}
        assert len(named) == len(self.ids)

    def all(self, path: str) -> list[Element]:
        """The elements of an ElementTree path, anywhere in the page."""
        return self.root.findall(f".//{path}")

    def files(self) -> list[str]:
        """The addresses of the files that belong to the page."""
        links = [link for link in self.all("link") if link.get("rel") != "alternate"]
        named = (*links, *self.all("script"), *self.all("img"), *self.all("svg//image"))
        return [one.get("href") or one.attrib["src"] for one in named]

    def text(self, id_: str) -> str:
        """What a reader sees of the element with this id."""
        return text(self.ids[id_])

    def typed(self) -> dict[str, str]:
        """What stands in the form but A: text by field, hidden or not, and the chosen radio button's value."""
        return {
            field.attrib["name"]: field.get("value", "")
            for field in self.all("input")
            if (field.get("name") not in {"kept", "entries"} and field.get("type") in {"text", "hidden"})
            or (field.get("type") == "radio" and "checked" in field.attrib)
        }

    def numbers(self, **attributes: str) -> list[float]:
        """The values of the `data` elements with these attributes, in reading order."""
        return [
            float(element.attrib["value"])
            for element in self.all("data")
            if all(element.get(name.rstrip("_")) == wanted for name, wanted in attributes.items())
        ]


class _Tree(HTMLParser):
    """Builds an element tree, and insists that every element is closed by its own end tag."""

    def __init__(self) -> None:
        super().__init__()
        self.builder = TreeBuilder()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in _VOID:
            self.builder.end(tag)
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.builder.data(data)


def text(element: Element) -> str:
    """What a reader sees of an element, plain spaces and line ends made one space."""
    return re.sub(r"[ \n]+", " ", "".join(element.itertext())).strip(" ")


def form_page(client: FlaskClient, address: str = "/") -> Page:
    """The page with the form."""
    return Page(client.get(address).text)


def submit(client: FlaskClient, fields: Mapping[str, str], *, htmx: bool = False) -> TestResponse:
    """Post the form, as HTMX does or as a browser without JavaScript."""
    return client.post("/predict", data=fields, headers={"HX-Request": "true"} if htmx else None)


def problem_of(response: TestResponse, status: int) -> dict[str, Any]:
    """The problem document of an answer, after checking its status and its shape."""
    assert (response.status_code, response.mimetype) == (status, PROBLEM), response.text
    body: dict[str, Any] = json.loads(response.data)
    assert body.pop("request_id") == response.headers["X-Request-ID"]
    assert {"type", "title", "status", "detail"} <= set(body) <= {"type", "title", "status", "detail", "errors"}
    assert body["status"] == status
    assert all(isinstance(body[key], str) and body[key] for key in ("type", "title", "detail"))
    for error in body.get("errors", []):
        assert {"field", "message"} <= set(error) <= {"field", "message", "row"}
    return body


def addresses(app: Flask) -> Iterator[tuple[str, str]]:
    """Endpoint and an address of every route of the application."""
    arguments: dict[str, Any] = {"language": "zh", "name": "bedside", "version": "2", "filename": "heartapp.css"}
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            yield rule.endpoint, app.url_for(rule.endpoint, **{name: arguments[name] for name in rule.arguments})


def number_names() -> list[str]:
    """The variables that are numbers; the rest are choices."""
    return [variable.name for variable in VARIABLES if variable.kind == "number"]

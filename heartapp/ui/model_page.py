"""The model's page: the bundle's model card as HTML, with its plots.

The card is Markdown without HTML. An image with the address ``plot:NAME`` marks a plot; the page shows them together.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from flask import get_template_attribute
from markdown_it.token import Token
from markupsafe import Markup

from heartapp.card.plots import plots
from heartapp.inference.model import Model

_PLOT: Final = "plot:"
_ELSEWHERE: Final = re.compile(r"^(\| Tested elsewhere \| ).*\|$", re.MULTILINE)
_BLOCK: Final = 3
"""A heading is three tokens: opening, text, closing. So are a paragraph and a cell."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a card: its id, its heading, and the HTML below the heading."""

    name: str
    title: str
    body: Markup


@dataclass(frozen=True, slots=True)
class Card:
    """A card for the page: what stands before the first section, the sections, and the plots."""

    introduction: Markup
    sections: tuple[Section, ...]
    figures: tuple[str, ...]


@lru_cache(maxsize=8)
def card_of(model: Model) -> Card:
    """A model's card with its plots. Cached: parsing takes some 50 ms."""
    drawn = plots(model.bundle.report)
    figure = get_template_attribute("_plots.html", "figure")
    # The card was written before the model was tested elsewhere.
    text = (
        _ELSEWHERE.sub(r"\1[See below](#elsewhere) |", model.bundle.card)
        if model.bundle.external
        else model.bundle.card
    )
    return read_card(text, lambda name, title: figure(drawn[name], title) if name in drawn else "")


def read_card(text: str, draw: Callable[[str, str], str]) -> Card:
    """Make HTML of a card's Markdown without its title, as the page has one.

    Args:
        text: the card.
        draw: gives the HTML of a plot from its name and its title.
    """
    from markdown_it import MarkdownIt  # noqa: PLC0415 - a server that never shows this page need not load it

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    if tokens and tokens[0].tag == "h1":
        del tokens[:_BLOCK]
    _mark_cells(tokens)
    figures = tuple(draw(name, title) for name, title in _take_out_plots(tokens))

    def html(start: int, end: int) -> Markup:
        # Without HTML in the Markdown, the renderer escapes all of the card's text.
        return Markup(markdown.renderer.render(tokens[start:end], markdown.options, {}))  # noqa: S704

    headings = [index for index, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]
    bounds = [*headings, len(tokens)]
    titles = (tokens[start + 1].content for start in headings)
    bodies = (html(start + _BLOCK, end) for start, end in pairwise(bounds))
    sections = tuple(Section(anchor(title), title, body) for title, body in zip(titles, bodies, strict=True))
    return Card(html(0, bounds[0]), sections, figures)


def anchor(title: str) -> str:
    """The id of a heading, as Markdown viewers derive it."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _mark_cells(tokens: list[Token]) -> None:
    """Mark headers, numbers and each cell's column: on a phone the stylesheet shows a row as a list.

    Attributes and classes, as the page's policy forbids inline styles.
    """
    headers: list[str] = []
    columns: Iterator[str] = iter(headers)
    for index, token in enumerate(tokens):
        if token.type == "thead_open":
            headers = []
        elif token.type == "tr_open":
            columns = iter(headers)
        elif token.type == "th_open":
            headers.append(tokens[index + 1].content)
            token.attrs["scope"] = "col"
        elif token.type == "td_open":
            token.attrs["data-column"] = next(columns)
            if tokens[index - 1].type == "tr_open":
                token.tag = tokens[index + 2].tag = "th"
                token.attrs = {"scope": "row"}
        if "right" in str(token.attrs.pop("style", "")):
            token.attrs["class"] = "number"


def _take_out_plots(tokens: list[Token]) -> list[tuple[str, str]]:
    """Remove each paragraph that a plot's mark fills; return the marks as (name, title)."""
    marks = []
    for index, token in reversed([*enumerate(tokens)]):
        match token.children:
            case [image] if image.type == "image" and str(image.attrs["src"]).startswith(_PLOT):
                marks.append((str(image.attrs["src"]).removeprefix(_PLOT), image.content))
                del tokens[index - 1 : index + 2]
    return marks[::-1]

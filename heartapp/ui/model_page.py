"""The model's page: the bundle's model card as HTML, with its plots.

The card is Markdown without HTML. An image with the address ``plot:NAME`` marks where a plot belongs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from flask import get_template_attribute
from markupsafe import Markup

from heartapp.card.plots import plots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from markdown_it.token import Token

    from heartapp.inference.model import Model

_PLOT: Final = "plot:"
_HEADING: Final = 3
"""A heading is three tokens: opening, text, closing. So are a paragraph and a cell."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card for the page: its sections as (id, title), its first section, and the others."""

    sections: tuple[tuple[str, str], ...]
    facts: Markup
    rest: Markup


@lru_cache(maxsize=8)
def card_of(model: Model) -> Card:
    """A model's card with its plots. Cached: parsing takes some 50 ms."""
    drawn = plots(model.bundle.report)
    figure = get_template_attribute("_plots.html", "figure")
    return read_card(model.bundle.card, lambda name, title: figure(drawn[name], title) if name in drawn else "")


def read_card(text: str, draw: Callable[[str, str], str]) -> Card:
    """Make HTML of a card's Markdown without its title, as the page has one.

    Args:
        text: the card.
        draw: gives the HTML of a plot from its name and its title.
    """
    from markdown_it import MarkdownIt  # noqa: PLC0415 - a server that never shows this page need not load it

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("table_open", _open_table)
    markdown.add_render_rule("table_close", lambda *_: "</table>\n</div>\n")
    tokens = markdown.parse(text)
    if tokens and tokens[0].tag == "h1":
        del tokens[:_HEADING]
    sections = tuple(_name_sections(tokens))
    _mark_cells(tokens)
    _put_in_plots(tokens, draw)
    headings = [index for index, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]
    rest = headings[1] if headings[1:] else len(tokens)
    # Without HTML in the Markdown, the renderer escapes all of the card's text.
    facts, others = (markdown.renderer.render(part, markdown.options, {}) for part in (tokens[:rest], tokens[rest:]))
    return Card(sections, Markup(facts), Markup(others))  # noqa: S704 - escaped by the renderer


def anchor(title: str) -> str:
    """The id of a heading, as Markdown viewers derive it."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _name_sections(tokens: list[Token]) -> Iterator[tuple[str, str]]:
    """Give each section's heading its id, and each table the name of its section."""
    name = ""
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            title = tokens[index + 1].content
            name = anchor(title)
            token.attrs["id"] = name
            yield name, title
        elif token.type == "table_open":
            token.meta["section"] = name


def _open_table(_renderer: object, tokens: list[Token], index: int, _options: object, _env: object) -> str:
    """Wrap a table so that it scrolls sideways on narrow screens, by keyboard too."""
    section = tokens[index].meta["section"]
    return f'<div class="scroll" tabindex="0" role="group" aria-labelledby="{section}">\n<table>\n'


def _mark_cells(tokens: list[Token]) -> None:
    """Mark headers and numbers by attributes and class: the page's policy forbids inline styles."""
    for index, token in enumerate(tokens):
        if token.type not in {"th_open", "td_open"}:
            continue
        if "right" in str(token.attrs.pop("style", "")):
            token.attrs["class"] = "number"
        elif token.type == "td_open" and tokens[index - 1].type == "tr_open":
            token.tag = tokens[index + 2].tag = "th"
            token.attrs["scope"] = "row"
        if token.type == "th_open":
            token.attrs["scope"] = "col"


def _put_in_plots(tokens: list[Token], draw: Callable[[str, str], str]) -> None:
    """Replace each paragraph that a plot's mark fills by the plot."""
    for index, token in enumerate(tokens):
        match token.children:
            case [image] if image.type == "image" and str(image.attrs["src"]).startswith(_PLOT):
                tokens[index - 1].hidden = tokens[index + 1].hidden = True
                token.type = "html_block"  # the renderer does not escape it
                token.content = draw(str(image.attrs["src"]).removeprefix(_PLOT), image.content)

"""The model card: one template that makes Markdown from a bundle's manifest and report."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from heartapp.card.filters import FILTERS
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.bundle import Manifest
from heartapp.inference.report import Report


def write_card(manifest: Manifest, report: Report) -> str:
    """The model card as Markdown."""
    environment = Environment(  # noqa: S701 - the output is Markdown, not HTML
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    leaks = any(BY_NAME[name].known == "afterwards" for name in manifest.variable_names)
    template = environment.get_template("card.md.jinja")
    return template.render(manifest=manifest, report=report, leaks=leaks, by_name=BY_NAME)

"""``MODEL_CARD.md``: the report in words, for people who hold the bundle and no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heartapp.inference.bundle import Manifest
    from heartapp.inference.report import Report


def write_card(manifest: Manifest, report: Report) -> str:
    """The card as Markdown."""
    return f"# {manifest.name} {manifest.version}\n\n{report.cohort.patients} patients.\n"

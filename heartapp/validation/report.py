"""The result as one HTML file: it needs no script, no other file and no network, and prints on A4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from heartapp.card.filters import FILTERS
from heartapp.card.plots import Axis, Line, Plot, decision_plot
from heartapp.clinical.variables import BY_NAME
from heartapp.validation.measures import HISTOGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.card.plots import Point
    from heartapp.validation.result import CurvePoint, Validation

_PACKAGE: Final = Path(__file__).parents[1]
_STYLES: Final = ("heartapp.css", "model.css")
"""The site's own, so that the report looks as the site does."""
_TICKS: Final = 4


def render_report(found: Validation) -> str:
    """The report as HTML."""
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, _PACKAGE / "templates"]),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    styles = "".join((_PACKAGE / "static" / name).read_text("utf-8") for name in _STYLES)
    return environment.get_template("report.html.jinja").render(
        found=found,
        by_name=BY_NAME,
        calibration=_calibration(found.calibration.curve),
        risks=_histogram(found.risks),
        decision=decision_plot(found.net_benefit),
        styles=Markup(styles),  # noqa: S704 - the package's own files
    )


def _calibration(curve: Sequence[CurvePoint]) -> Plot:
    low = [(one.risk, one.observed.low) for one in curve]
    high = [(one.risk, one.observed.high) for one in curve]
    return Plot(
        Axis("Predicted risk"),
        Axis("Observed risk"),
        [
            Line("band", "95% interval", [*low, *reversed(high)]),
            Line("ideal", "Ideal", [(0, 0), (1, 1)]),
            Line("model", "This model", [(one.risk, one.observed.value) for one in curve]),
        ],
    )


def _histogram(risks: Sequence[tuple[int, int]]) -> Plot:
    alive, died = zip(*risks, strict=True)
    step = -(-max(*alive, *died) // _TICKS)
    return Plot(
        Axis("Predicted risk"),
        Axis("Patients", 0, step * _TICKS, tuple(step * tick for tick in range(_TICKS + 1)), ".0f"),
        [Line("everyone", "Survived", _outline(alive)), Line("model", "Died", _outline(died))],
    )


def _outline(counts: Sequence[int]) -> list[Point]:
    """The outline of a histogram over `HISTOGRAM`."""
    sides = zip(HISTOGRAM.tolist(), HISTOGRAM[1:].tolist(), counts, strict=False)
    return [(x, count) for left, right, count in sides for x in (left, right)]

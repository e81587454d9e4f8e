"""The result as one HTML file: it needs no script, no other file and no network, and prints on A4."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from heartapp.card.filters import FILTERS
from heartapp.card.plots import Axis, Line, Plot, Point, decision_plot
from heartapp.clinical.variables import BY_NAME
from heartapp.inference.model import Scores
from heartapp.validation.measures import HISTOGRAM
from heartapp.validation.result import CurvePoint, Validation

_PACKAGE: Final = Path(__file__).parents[1]
_STYLES: Final = ("heartapp.css", "model.css")
"""The site's own, so that the report looks as the site does."""
_TICKS: Final = 4


def render_report(found: Validation) -> bytes:
    """The report as a file."""
    styles = "".join((_PACKAGE / "static" / name).read_text("utf-8") for name in _STYLES)
    return _render("report.html.jinja", found=found, styles=Markup(styles), **_plots(found)).encode()  # noqa: S704 - own files


def render_article(found: Validation) -> str:
    """The report within a page of the site."""
    return _render("_report.html.jinja", found=found, **_plots(found))


def render_scores(read: int, scores: Scores, rejected: Mapping[str, int], threshold: float) -> str:
    """What was scored, within a page of the site.

    Args:
        read: how many rows there were.
        scores: of those without faults.
        rejected: how many rows have each fault.
        threshold: the risk from which death is expected.
    """
    counts: list[int] = np.histogram(scores.risk, HISTOGRAM)[0].tolist()
    cautions = Counter(one for cell in scores.cautions.tolist() for one in cell.split())
    return _render(
        "scores.html.jinja",
        read=read,
        scores=scores,
        quartiles=np.percentile(scores.risk, [25, 50, 75]).tolist() if len(scores.risk) else [],
        cautions=cautions.most_common(),
        rejected=rejected,
        threshold=threshold,
        risks=_bars(counts, [Line("model", "Patients", _outline(counts))]),
    )


def _plots(found: Validation) -> dict[str, Plot]:
    return {
        "calibration": _calibration(found.calibration.curve),
        "risks": _histogram(found.risks),
        "decision": decision_plot(found.net_benefit),
    }


def _render(template: str, **content: object) -> str:
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, _PACKAGE / "templates"]),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment.get_template(template).render(by_name=BY_NAME, **content)


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
    lines = [Line("everyone", "Survived", _outline(alive)), Line("model", "Died", _outline(died))]
    return _bars([*alive, *died], lines)


def _bars(counts: Sequence[int], lines: Sequence[Line]) -> Plot:
    """Outlines of histograms, with an axis that has room for the highest of the counts."""
    step = -(-max(*counts, 1) // _TICKS)
    ticks = tuple(step * tick for tick in range(_TICKS + 1))
    return Plot(Axis("Predicted risk"), Axis("Patients", 0, step * _TICKS, ticks, ".0f"), lines)


def _outline(counts: Sequence[int]) -> list[Point]:
    """The outline of a histogram over `HISTOGRAM`."""
    sides = zip(HISTOGRAM.tolist(), HISTOGRAM[1:].tolist(), counts, strict=False)
    return [(x, count) for left, right, count in sides for x in (left, right)]

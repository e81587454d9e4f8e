"""A model told to people: what the model card and the model page both say, from one manifest and one report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heartapp.inference.telling import curve, judgement, origin, performance

if TYPE_CHECKING:
    from heartapp.inference.bundle import Manifest
    from heartapp.inference.report import Report
    from heartapp.inference.telling.parts import Section


def tell(manifest: Manifest, report: Report) -> list[Section]:
    """Every section, in reading order."""
    return [
        judgement.in_short(manifest, report),
        origin.use(manifest),
        origin.outcome(manifest, report),
        origin.data(report),
        origin.making(manifest, report),
        performance.performance(report),
        performance.discrimination(report),
        performance.calibration(report),
        performance.net_benefit(manifest, report),
        performance.subgroups(report),
        performance.instability(manifest, report),
        *curve.survival(report),
        performance.comparison(manifest, report),
        judgement.limits(manifest, report),
        judgement.bias(manifest, report),
        judgement.reporting(report),
        origin.variables(manifest, report),
        origin.again(manifest, report),
        judgement.sources(),
    ]

import pytest

from heartapp.card.plots import Axis, plots
from tests.reports import report_of, skipped_report, undated_report


def test_an_axis_places_values_from_0_to_100() -> None:
    axis = Axis("Net benefit", -0.05, 0.15, (0, 0.1), ".1f")
    assert [axis.place(value) for value in (-0.05, 0.05, 0.15)] == [0, 50, 100]
    assert axis.labels == [(25, "0.0"), (75, "0.1")]
    assert [label for _, label in Axis("Risk").labels] == ["0%", "25%", "50%", "75%", "100%"]


def test_a_calibration_plot_has_a_dot_with_its_interval_for_each_group() -> None:
    plot = plots(report_of())["calibration-180"]
    assert plot.place(plot.dots)[:2] == [(5, 2), (14, 12)]
    assert plot.bars[1] == (0.14, 0.1, 0.14)
    assert plot.place(plot.lines[0].points) == [(0, 0), (100, 100)]
    assert plot.y.title == "Died by day 180"
    assert plot.counts == "299 patients, 6,000 held-out predictions"
    assert "600" in plot.dot_label


def test_an_instability_plot_has_a_range_around_each_served_risk() -> None:
    plot = plots(report_of())["instability"]
    assert plot.bars[0] == (0.05, 0.01, 0.2)
    assert plot.dots[0] == (0.05, 0.05)
    assert len(plot.bars) == len(plot.dots) == 10
    assert plot.counts == "299 patients, 100 refits"


def test_a_decision_curve_has_four_lines_an_interval_and_room_for_the_highest_value() -> None:
    plot = plots(report_of())["decision"]
    band, *lines = plot.lines
    assert [line.style for line in lines] == ["nobody", "everyone", "comparator", "model"]
    assert {len(line.points) for line in lines[1:]} == {12}
    for (x, value), low, high in zip(lines[-1].points, band.points[:12], band.points[:11:-1], strict=True):
        assert low == pytest.approx((x, value - 0.02), abs=1e-6)
        assert high == pytest.approx((x, value + 0.02), abs=1e-6)
    assert plot.counts == "299 patients, 100 splits"
    assert plot.y.high == pytest.approx(0.3)
    assert [label for _, label in plot.y.labels] == ["0.0", "0.1", "0.2", "0.3"]
    assert [label for _, label in plot.x.labels] == ["0%", "15%", "30%", "45%", "60%"]


def test_a_part_that_the_report_lacks_has_no_plot() -> None:
    assert plots(skipped_report()) == {}
    assert set(plots(undated_report())) == {"calibration", "decision"}
    assert set(plots(report_of())) == {"calibration-90", "calibration-180", "decision", "instability"}

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.clinical.numbers import of_hundred, per_cent
from heartapp.ui.rounding import living, nonzero, points, rounded

THRESHOLDS = st.integers(1, 99).map(lambda number: number / 100)


@pytest.mark.parametrize(
    ("text", "shares"),
    [("under 1", (0, 0.0049)), ("1", (0.005, 0.0149)), ("99", (0.985, 0.9949)), ("over 99", (0.995, 1))],
)
def test_a_share_is_rounded_but_never_to_0_or_100(text: str, shares: tuple[float, float]) -> None:
    assert [rounded(share) for share in shares] == [text, text]


@pytest.mark.parametrize(
    ("text", "shares"),
    [("31", (0.305, 0.3149)), ("just under 32", (0.315, 0.3199)), ("32", (0.32, 0.3249))],
)
def test_a_share_that_rounds_up_to_the_threshold_is_marked(text: str, shares: tuple[float, float]) -> None:
    assert [rounded(share, 0.32) for share in shares] == [text, text]


@given(st.floats(0, 1), THRESHOLDS)
def test_a_rounded_share_is_on_the_same_side_of_the_threshold(share: float, threshold: float) -> None:
    text = rounded(share, threshold)
    number = int(re.findall(r"\d+", text)[0])
    below = text.startswith(("just under", "under")) or number < of_hundred(threshold)
    assert below is (share < threshold)
    assert per_cent(threshold) == f"{of_hundred(threshold)}%"


@pytest.mark.parametrize(
    ("contribution", "text"),
    [(0.29, "29"), (-0.05, "5"), (0.0149, "1"), (-0.0049, "under 1")],
)
def test_a_contribution_is_given_in_percentage_points(contribution: float, text: str) -> None:
    assert points(contribution) == text


@pytest.mark.parametrize(("contribution", "answer"), [(0.1, True), (-1e-3, True), (8e-18, False), (0.0, False)])
def test_rounding_errors_are_not_contributions(contribution: float, answer: bool) -> None:  # noqa: FBT001 - the expected answer
    assert nonzero(contribution) is answer


@given(st.floats(0, 1))
def test_the_dead_and_the_living_add_up_to_100(risk: float) -> None:
    told = [rounded(risk), living(risk)]
    assert sum(int(text.split()[-1]) for text in told) == 100
    assert sorted(text.split()[0] for text in told if " " in text) in ([], ["over", "under"])

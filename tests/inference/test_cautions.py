from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.cautions import AFTERWARDS, Caution, Domain, Limits, Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

PLATELETS = Seen("platelets", 25_100, 62_000, 543_000, 850_000)
SMOKING = Seen("smoking", 0, 0, 0, 0)
AGE = Seen("age", 40, 42, 90, 95)
EJECTION = Seen("ejection_fraction", 14, 17, 62, 80)
TIME = Seen("time", 4, 8, 271, 285)
NAN = float("nan")


def anywhere(*fields: str) -> Domain:
    """A domain that every combination of these fields is in."""
    size = len(fields)
    return Domain([*fields], [False] * size, [0.0] * size, [[0.0] * size for _ in fields], 1.0)


def found(seen: Sequence[Seen], values: Sequence[float], domain: Domain | None = None) -> tuple[Caution, ...]:
    names = [one.name for one in seen]
    return Limits([BY_NAME[name] for name in names], seen, domain or anywhere(*names)).cautions(values)


def cautions_for(seen: Seen, value: float) -> list[tuple[str, str]]:
    """Kind and message of each caution about one variable."""
    all_ = found([seen], [value])
    assert {caution.field for caution in all_} <= {seen.name}
    return [(caution.kind, caution.message.replace("\N{NARROW NO-BREAK SPACE}", " ")) for caution in all_]


@pytest.mark.parametrize("value", [62_000, 265_000, 543_000])
def test_a_value_that_was_seen_often_needs_no_caution(value: float) -> None:
    assert cautions_for(PLATELETS, value) == []


@pytest.mark.parametrize("value", [25_100, 61_999, 543_001, 850_000])
def test_a_rare_value_is_called_the_edge_of_what_was_seen(value: float) -> None:
    ((kind, message),) = cautions_for(PLATELETS, value)
    assert kind == "edge_of_range"
    assert message.endswith("per µL is at the edge of what the model has seen")


@pytest.mark.parametrize("value", [25_099, 850_001, 3_000_000])
def test_a_value_beyond_every_seen_one_is_called_outside_with_the_range(value: float) -> None:
    ((kind, message),) = cautions_for(PLATELETS, value)
    assert kind == "outside_range"
    assert message.endswith("per µL is outside what the model has seen (25 100 to 850 000 per µL)")


def test_the_caution_repeats_the_value_with_its_unit() -> None:
    ((_, message),) = cautions_for(PLATELETS, 850_000)
    assert message == "850 000 per µL is at the edge of what the model has seen"


def test_a_missing_value_needs_no_caution() -> None:
    assert cautions_for(PLATELETS, NAN) == []


def test_a_choice_needs_no_caution_even_where_training_held_one_answer_only() -> None:
    assert cautions_for(SMOKING, 1) == []


def test_followup_time_always_carries_the_caution_that_it_is_known_afterwards() -> None:
    leak = ("known_afterwards", AFTERWARDS.format(label="Follow-up time"))
    assert cautions_for(TIME, 100) == [leak]
    assert cautions_for(TIME, 4) == [leak, ("edge_of_range", "4 days is at the edge of what the model has seen")]
    assert cautions_for(TIME, NAN) == [leak]


def test_the_leak_comes_first_then_the_variables_in_their_order_and_the_combination_last() -> None:
    strange = Domain(["time", "platelets"], [False, False], [0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], 1.0)
    order = [(caution.field, caution.kind) for caution in found([PLATELETS, TIME], [1_000, 100], strange)]
    assert order == [
        ("time", "known_afterwards"),
        ("platelets", "outside_range"),
        ("time", "unusual_combination"),
    ]


def test_a_combination_that_was_not_seen_is_told_by_its_variables_though_each_value_was() -> None:
    # Age and ejection fraction rise together here, within a few units of one another.
    together = Domain(
        ["age", "ejection_fraction"], [False, False], [60.0, 40.0], [[1.0, -0.99], [-0.99, 1.0]], limit=5.0
    )
    assert found([AGE, EJECTION], [80, 60], together) == ()
    (caution,) = found([AGE, EJECTION], [80, 20], together)
    assert (caution.field, caution.kind) == ("age", "unusual_combination")
    assert caution.message == "The model has not seen patients with such a combination of age, ejection fraction"


def test_the_combination_is_of_the_domain_s_variables_in_its_own_order() -> None:
    only_time = Domain(["time"], [False], [100.0], [[1.0]], limit=10.0)
    for time in (85, 95, 105, 115):
        kinds = {caution.kind for caution in found([PLATELETS, TIME], [265_000, time], only_time)}
        assert ("unusual_combination" in kinds) == (abs(time - 100) > 10)

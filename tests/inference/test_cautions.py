from __future__ import annotations

import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.inference.bundle import Seen
from heartapp.inference.cautions import AFTERWARDS, Caution, cautions

PLATELETS = Seen("platelets", 25_100, 62_000, 543_000, 850_000)
SMOKING = Seen("smoking", 0, 0, 0, 0)
TIME = Seen("time", 4, 8, 271, 285)


def cautions_for(seen: Seen, value: float) -> list[str]:
    found = cautions([BY_NAME[seen.name]], [seen], [value])
    assert {caution.field for caution in found} <= {seen.name}
    return [caution.message.replace("\N{NARROW NO-BREAK SPACE}", " ") for caution in found]


@pytest.mark.parametrize("value", [62_000, 265_000, 543_000])
def test_a_value_that_was_seen_often_needs_no_caution(value: float) -> None:
    assert cautions_for(PLATELETS, value) == []


@pytest.mark.parametrize("value", [25_100, 61_999, 543_001, 850_000])
def test_a_rare_value_is_called_the_edge_of_what_was_seen(value: float) -> None:
    (message,) = cautions_for(PLATELETS, value)
    assert message.endswith("per µL is at the edge of what the model has seen")


@pytest.mark.parametrize("value", [25_099, 850_001, 3_000_000])
def test_a_value_beyond_every_seen_one_is_called_outside_with_the_range(value: float) -> None:
    (message,) = cautions_for(PLATELETS, value)
    assert message.endswith("per µL is outside what the model has seen (25 100 to 850 000 per µL)")


def test_the_caution_repeats_the_value_with_its_unit() -> None:
    assert cautions_for(PLATELETS, 850_000) == ["850 000 per µL is at the edge of what the model has seen"]


def test_a_choice_needs_no_caution_even_where_training_held_one_answer_only() -> None:
    assert cautions_for(SMOKING, 1) == []


def test_followup_time_always_carries_the_caution_that_it_is_known_afterwards() -> None:
    leak = AFTERWARDS.format(label="Follow-up time")
    assert cautions_for(TIME, 100) == [leak]
    assert cautions_for(TIME, 4) == [leak, "4 days is at the edge of what the model has seen"]


def test_cautions_come_in_the_order_of_the_variables() -> None:
    variables = [BY_NAME["platelets"], BY_NAME["time"]]
    found = cautions(variables, [PLATELETS, TIME], [1_000, 100])
    assert [caution.field for caution in found] == ["platelets", "time"]
    assert all(isinstance(caution, Caution) for caution in found)

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from heartapp.clinical.variables import VARIABLES
from heartapp.training import fills, published
from heartapp.training.data import checksum, read_table
from heartapp.training.fills import CLASS_MEANS, OVERALL_MEANS, mask_fills, unaffected

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = [variable.name for variable in VARIABLES]
FILLED = {0.0, 1.18, 1.83, 134.0, 137.0, 582.0, 263358.03}


@pytest.fixture
def all_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row passes for one of the published table."""
    monkeypatch.setattr(fills, "checksum", lambda _row: published.ROW_CHECKSUMS[0])


def patient(**values: float) -> NDArray[np.float64]:
    return np.array([values.get(name, 1.0) for name in NAMES])


@pytest.mark.data
def test_the_published_fills_are_masked_and_nothing_else(published_data: Path) -> None:
    values = read_table(published_data).values
    masked = mask_fills(values)
    counts = dict(zip(NAMES, np.isnan(masked).sum(axis=0).tolist(), strict=True))
    assert {name: count for name, count in counts.items() if count} == {
        "creatinine_phosphokinase": 47,
        "platelets": 25,
        "serum_creatinine": 19,
        "serum_sodium": 17,  # two patients beside a filled creatinine have a sodium of their own
    }
    assert np.array_equal(masked[~np.isnan(masked)], values[~np.isnan(masked)])


@pytest.mark.data
def test_280_published_rows_hold_no_fill_chosen_by_the_outcome(published_data: Path) -> None:
    table = read_table(published_data)
    affected = ~unaffected(table.values)
    assert (~affected).sum() == 280
    creatinine = table.values[affected, NAMES.index("serum_creatinine")]
    assert ((creatinine == CLASS_MEANS[0][0]) == (table.outcome[affected] == 1)).all()


@pytest.mark.data
def test_a_part_of_the_table_is_masked_as_the_whole_is(published_data: Path) -> None:
    values = read_table(published_data).values
    rows = np.random.default_rng(0).permutation(len(values))[:40]
    assert np.array_equal(mask_fills(values)[rows], mask_fills(values[rows]), equal_nan=True)
    assert np.array_equal(unaffected(values)[rows], unaffected(values[rows]))


def test_another_cohorts_equal_values_are_measurements() -> None:
    row = patient(serum_creatinine=1.83, serum_sodium=134, creatinine_phosphokinase=582, platelets=263358.03)
    assert checksum(np.append(row, 0.0)) not in published.ROW_CHECKSUMS
    assert checksum(np.append(row, 1.0)) not in published.ROW_CHECKSUMS
    assert np.array_equal(mask_fills(row[None]), row[None])
    assert unaffected(row[None]).all()


@pytest.mark.usefixtures("all_published")
def test_sodium_is_a_fill_only_beside_a_filled_creatinine() -> None:
    rows = np.array(
        [
            patient(serum_creatinine=1.83, serum_sodium=134),
            patient(serum_creatinine=1.18, serum_sodium=134),
            patient(serum_creatinine=1.0, serum_sodium=134),
        ]
    )
    sodium = mask_fills(rows)[:, NAMES.index("serum_sodium")]
    assert np.isnan(sodium).tolist() == [True, False, False]
    assert unaffected(rows).tolist() == [False, False, True]


@pytest.mark.usefixtures("all_published")
@given(arrays(np.float64, st.tuples(st.integers(0, 6), st.just(len(NAMES))), elements=st.sampled_from(sorted(FILLED))))
def test_masking_takes_fills_only_and_a_second_time_nothing(values: NDArray[np.float64]) -> None:
    before = values.copy()
    masked = mask_fills(values)
    assert np.array_equal(values, before)
    gone = np.isnan(masked)
    assert np.array_equal(masked[~gone], values[~gone])
    assert set(values[gone].tolist()) <= FILLED - {0.0}
    assert {NAMES[column] for column in np.flatnonzero(gone.any(axis=0))} <= {
        "serum_creatinine",
        "serum_sodium",
        *OVERALL_MEANS,
    }
    assert np.array_equal(mask_fills(masked), masked, equal_nan=True)

from __future__ import annotations

import dataclasses
import io
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from heartapp.inference.bundle import REFITS
from heartapp.inference.calibration import Calibration
from heartapp.inference.refits import MEMBERS_EACH, Refits, Trees

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heartapp.inference.bundle import Bundle

NAN = float("nan")
MOST_BYTES = 3_000_000


def by_hand() -> Trees:
    """One refit on two variables: a stump, two trees that are added, and a constant on the logit scale."""
    return Trees(
        cuts=np.array([10, 20], np.float32),
        #                  stump      first      second    leaf
        feature=np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0], np.uint8),
        cut=np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0], np.uint16),
        missing_left=np.array([1, 0, 0, 0, 0, 0, 1, 0, 0, 0], np.bool_),
        left=np.array([1, 1, 2, 1, 1, 2, 1, 1, 2, 0], np.uint16),
        right=np.array([2, 1, 2, 2, 1, 2, 2, 1, 2, 0], np.uint16),
        value=np.array([0, 0.1, 0.9, 0, 0.2, 0.3, 0, 0.2, 0.5, 0], np.float32),
        roots=np.array([0, 3, 6, 9], np.uint32),
        output=np.array([0, 1, 1, 2], np.uint16),
        depth=np.array(1, np.uint8),
        base=np.array([0, 0.05, 0], np.float32),
        logistic=np.array([False, False, True]),
        slope=np.array([1.0]),
        intercept=np.array([0.0]),
    )


@pytest.mark.parametrize(
    ("row", "members"),
    [
        ([5, 5], (0.1, 0.45, 0.5)),
        ([9.999999, 25], (0.1, 0.55, 0.5)),
        ([10, 20], (0.9, 0.85, 0.5)),
        ([15, 19], (0.9, 0.75, 0.5)),
        ([NAN, 5], (0.1, 0.45, 0.5)),
        ([15, NAN], (0.9, 0.85, 0.5)),
        ([NAN, NAN], (0.1, 0.55, 0.5)),
    ],
)
def test_a_patient_walks_down_every_tree_and_the_median_is_calibrated(
    row: list[float], members: tuple[float, float, float]
) -> None:
    wanted = Calibration(1, 0).transform(np.array([np.median(members)], np.float32))
    assert Refits(by_hand()).risks(row) == pytest.approx(wanted, abs=1e-6)


def test_each_refit_has_a_calibration_of_its_own() -> None:
    once = by_hand()
    twice = dataclasses.replace(
        once,
        **{
            name: np.tile(getattr(once, name), 2)
            for name in ("feature", "cut", "missing_left", "left", "right", "value", "base", "logistic")
        },
        roots=np.append(once.roots, once.roots + len(once.feature)),
        output=np.append(once.output, once.output + MEMBERS_EACH),
        slope=np.array([1.0, 0.5]),
        intercept=np.array([0.0, -1.0]),
    )
    refits = Refits(twice)
    assert refits.count == 2
    first, second = refits.risks([15, 19])
    median = np.array([0.75], np.float32)
    assert [first] == pytest.approx(Calibration(1, 0).transform(median), abs=1e-6)
    assert [second] == pytest.approx(Calibration(0.5, -1).transform(median), abs=1e-6)
    told = refits.instability([15, 19], death_event=1, threshold=(first + second) / 2)
    assert (told.flips, told.refits) == (1, 2)
    assert second <= told.low <= told.high <= first
    assert refits.instability([15, 19], death_event=0, threshold=float(first)).flips == 1
    assert refits.instability([15, 19], death_event=0, threshold=float(np.nextafter(first, 1))).flips == 0


def same(one: Trees, other: Trees) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(Trees)]
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def test_what_is_written_is_read_again() -> None:
    assert same(Trees.from_bytes(by_hand().to_bytes()), by_hand())


def test_the_same_trees_give_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    content = by_hand().to_bytes()
    later = time.localtime(4_000_000_000)
    monkeypatch.setattr(time, "localtime", lambda *_: later)
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    assert by_hand().to_bytes() == content


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


GOOD = by_hand().to_bytes()
ARRAYS = {field.name: getattr(by_hand(), field.name) for field in dataclasses.fields(Trees)}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"left": ARRAYS["left"][:-1]}, "do not fit together"),
        ({"value": ARRAYS["value"][:, None]}, "another type or shape"),
        ({"value": ARRAYS["value"].astype(np.float64)}, "another type or shape"),
        ({"missing_left": ARRAYS["missing_left"][1:]}, "do not fit together"),
        ({"output": ARRAYS["output"][:-1]}, "do not fit together"),
        ({"logistic": ARRAYS["logistic"][:-1]}, "do not fit together"),
        ({"intercept": np.zeros(2)}, "do not fit together"),
        ({"slope": np.ones(2), "intercept": np.ones(2)}, "do not fit together"),
        ({"roots": np.array([1, 3, 6, 9], np.uint32)}, "do not fit together"),
        ({"roots": np.array([0, 3, 3, 9], np.uint32)}, "do not fit together"),
        ({"roots": np.array([0, 3, 6, 10], np.uint32)}, "do not fit together"),
        ({"cut": ARRAYS["cut"] + np.uint16(2)}, "points to nothing"),
        ({"left": ARRAYS["left"] + np.uint16(1)}, "points to nothing"),
        ({"right": ARRAYS["right"] + np.uint16(1)}, "points to nothing"),
        ({"output": np.array([0, 1, 1, 3], np.uint16)}, "points to nothing"),
        ({"output": np.array([0, 2, 1, 2], np.uint16)}, "points to nothing"),
        ({"output": np.array([0, 1, 1, 1], np.uint16)}, "points to nothing"),
        ({"cuts": np.zeros(80_000_000, np.float32)}, "too large"),
    ],
)
def test_trees_whose_numbers_do_not_fit_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Trees.from_bytes(npz(**{**ARRAYS, **changes}))


def test_the_shipped_refits_stay_near_the_served_risk_and_differ_from_one_another(
    bundle: Bundle, random_patients: Callable[[Sequence[str], int], list[list[float]]]
) -> None:
    refits = bundle.refits
    assert refits is not None
    assert bundle.manifest.files[REFITS].size <= MOST_BYTES
    for row in random_patients(bundle.manifest.variable_names, 20):
        risks = refits.risks(row)
        assert risks.shape == (refits.count,)
        assert np.all((risks > 0) & (risks < 1))
    typical = refits.risks(bundle.manifest.typical)
    assert np.ptp(typical) > 0
    assert np.median(typical) < bundle.manifest.base_rate

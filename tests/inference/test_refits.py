import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from heartapp.inference.bundle import REFITS
from heartapp.inference.model import Model
from heartapp.inference.refits import RefitTable

MOST_BYTES = 2_000_000
COLUMNS = ("age", "serum_creatinine")
AXES = (np.array([40.0, 60.0, 80.0]), np.array([1.0, 2.0]))
RISKS = np.random.default_rng(1).integers(0, 256, (3, 40, 2)).astype(np.uint8)
TABLE = RefitTable(COLUMNS, AXES, RISKS)


def test_every_refit_s_risk_is_that_of_the_nearest_grid_point() -> None:
    assert TABLE.count == 40
    assert TABLE.risks_of([62, 9]).tolist() == (RISKS[1, :, 1] / 255).tolist()
    assert np.array_equal(TABLE.risks, RISKS)


def test_the_range_holds_95_percent_of_the_refits_and_the_served_risk() -> None:
    low, high = np.percentile(RISKS[0, :, 0] / 255, [2.5, 97.5])
    middle = (low + high) / 2
    assert TABLE.range_of([40, 1], middle) == (low, high)
    assert TABLE.range_of([40, 1], low / 2) == (low / 2, high)
    assert TABLE.range_of([40, 1], 1.0) == (low, 1.0)


@pytest.mark.parametrize(("threshold", "risk"), [(0.5, 0.6), (0.5, 0.4), (0.2, 0.2), (0.9, 0.1)])
def test_instability_counts_the_refits_of_another_verdict(threshold: float, risk: float) -> None:
    told = TABLE.instability([40, 1], risk, threshold)
    dies = TABLE.risks_of([40, 1]) >= threshold
    assert (told.flips, told.refits) == (int((~dies if risk >= threshold else dies).sum()), 40)
    assert (told.low, told.high) == TABLE.range_of([40, 1], risk)


def test_what_is_written_is_read_again() -> None:
    read = RefitTable.from_bytes(TABLE.to_bytes())
    assert read.columns == COLUMNS
    assert [axis.tolist() for axis in read.axes] == [axis.tolist() for axis in AXES]
    assert np.array_equal(read.risks, RISKS)


def test_the_same_table_gives_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    content = TABLE.to_bytes()
    later = time.localtime(4_000_000_000)
    monkeypatch.setattr(time, "localtime", lambda *_: later)
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    assert RefitTable.from_bytes(content).to_bytes() == content


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


GOOD = {"age": AXES[0], "serum_creatinine": AXES[1], "steps": RISKS}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"age": AXES[0][:-1]}, "do not fit their axes"),
        ({"age": AXES[0][::-1]}, "must ascend"),
        ({"age": np.array(["x"])}, "could not convert"),
        ({"steps": RISKS[:, :0]}, "do not fit their axes"),
        ({"steps": RISKS[..., None]}, "do not fit their axes"),
        ({"steps": RISKS[0, 0]}, "do not fit their axes"),
        ({"steps": RISKS.astype(np.float64)}, "do not fit their axes"),
        ({"steps": np.zeros((300, 1_000, 1_000), np.uint8)}, "too large"),
    ],
)
def test_a_table_whose_arrays_do_not_fit_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RefitTable.from_bytes(npz(**{**GOOD, **changes}))


def test_the_shipped_refits_stay_near_the_served_risk_and_differ_from_one_another(
    model: Model, random_patients: Callable[[Sequence[str], int], list[list[float]]]
) -> None:
    refits, manifest = model.refits, model.bundle.manifest
    assert (refits is not None) == (model.name == "bedside")
    if refits is None:
        return
    assert manifest.files[REFITS].size <= MOST_BYTES
    places = [model.names.index(name) for name in refits.columns]
    for row in random_patients(model.names, 20):
        risks = refits.risks_of([row[place] for place in places])
        assert risks.shape == (refits.count,)
        assert np.all((risks > 0) & (risks < 1))
    typical = refits.risks_of([manifest.typical[place] for place in places])
    assert np.ptp(typical) > 0
    assert np.median(typical) < manifest.base_rate

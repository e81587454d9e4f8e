import dataclasses
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx.parser import parse_model

from heartapp.errors import BundleError, NotInBundleError
from heartapp.inference.bundle import Bundle, Golden
from heartapp.inference.curve import FIRST_DAY, LAST_DAY, Curve
from heartapp.inference.model import GOLDEN_TOLERANCE, Model, Options, Prediction, Scores, Survival
from heartapp.inference.refits import Instability

Patients = Callable[[Sequence[str], int], list[list[float]]]

NAN = float("nan")


@pytest.fixture(scope="module")
def rows(model: Model, random_patients: Patients) -> list[list[float]]:
    """Patients anywhere within the limits; of every second one, some values are missing."""
    drawn = np.array(random_patients(model.names, 1_000))
    gone = np.random.default_rng(1).random(drawn.shape) < 0.2
    gone[::2] = False
    drawn[gone] = np.nan
    listed: list[list[float]] = drawn.tolist()
    return listed


def changed(bundle: Bundle, **changes: Any) -> Bundle:
    """The bundle with another manifest."""
    return dataclasses.replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, **changes))


def with_golden(bundle: Bundle, change: Callable[[Golden], object]) -> Bundle:
    golden = msgspec.convert(msgspec.to_builtins(bundle.manifest.golden), type(bundle.manifest.golden))
    change(golden)
    return changed(bundle, golden=golden)


def patients(model: Model) -> st.SearchStrategy[list[float]]:
    """Any patient within the limits, any value missing."""
    return st.tuples(
        *(
            st.just(NAN)
            | (
                st.floats(variable.low, variable.high)
                if variable.kind == "number"
                else st.sampled_from([code for code, _ in variable.choices]).map(float)
            )
            for variable in model.variables
        )
    ).map(list)


def check_agreement(prediction: Prediction) -> None:
    votes = sum(vote.vote for vote in prediction.votes)
    assert prediction.death_event == (votes >= 2) == (prediction.risk >= prediction.threshold)


@pytest.mark.parametrize("threshold", [None, 0.6])
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_table_is_scored_bit_for_bit_as_its_patients_are_predicted(
    model: Model, rows: list[list[float]], size: int, threshold: float | None
) -> None:
    table = np.array(rows)
    wanted = [model.predict(row, Options(threshold=threshold)) for row in rows]
    parts = [model.score(table[start : start + size], threshold) for start in range(0, len(table), size)]
    scored = [np.concatenate([getattr(part, name) for part in parts]).tolist() for name in Scores.__slots__]
    risk, died, probabilities, votes, cautions = scored
    assert risk == [one.risk for one in wanted]
    assert died == [one.death_event for one in wanted]
    assert probabilities == [votes_of(one) for one in wanted]
    assert votes == [[vote.vote for vote in one.votes] for one in wanted]
    assert cautions == [" ".join(caution.kind for caution in one.cautions) for one in wanted]


@given(st.data())
def test_majority_class_and_risk_agree_for_any_patient_at_any_threshold(model: Model, data: st.DataObject) -> None:
    row = data.draw(patients(model))
    plain = model.predict(row)
    check_agreement(plain)
    # Where it could go wrong: at the patient's own risk, at each member's, and next to them.
    own = [plain.risk, *(float(one) for one in model.calibration.transform(np.array(votes_of(plain))))]
    edges = [float(np.nextafter(one, end)) for one in own for end in (0, 1)]
    threshold = data.draw(st.floats(0.01, 0.99) | st.sampled_from([*own, *edges]))
    moved = model.predict(row, Options(threshold=threshold))
    check_agreement(moved)
    assert moved.threshold == threshold
    assert (moved.risk, votes_of(moved)) == (plain.risk, votes_of(plain))


def votes_of(prediction: Prediction) -> list[float]:
    return [vote.probability for vote in prediction.votes]


@given(st.data())
def test_an_input_that_the_model_does_not_use_changes_no_answer(model: Model, data: st.DataObject) -> None:
    manifest = model.bundle.manifest
    everything = Options(survival=model.curve is not None, explain=True, instability=model.refits is not None)
    one, other = data.draw(patients(model)), data.draw(patients(model))
    changed_ = [
        before if name in manifest.used else after for name, before, after in zip(model.names, one, other, strict=True)
    ]
    answers = [msgspec.structs.replace(model.predict(row, everything), missing=()) for row in (one, changed_)]
    assert answers[0] == answers[1]


@given(data=st.data())
def test_the_curve_rises_within_its_band_whatever_the_order_of_days(bedside: Model, data: st.DataObject) -> None:
    row = data.draw(patients(bedside))
    days = data.draw(st.lists(st.integers(FIRST_DAY, LAST_DAY), min_size=1, max_size=8))
    survival = bedside.predict(row, Options(horizons=tuple(days))).survival
    assert isinstance(survival, Survival)
    assert survival.horizon_days == tuple(days)
    assert survival.low
    assert survival.high
    points = sorted(zip(days, survival.risk, survival.low, survival.high, strict=True))
    for day, risk, low, high in points:
        assert 0 <= low <= risk <= high <= 1, day
    for before, after in pairwise(points):
        assert all(earlier <= later for earlier, later in zip(before, after, strict=True))


@pytest.mark.parametrize("threshold", [None, 0.2, 0.7])
def test_at_the_horizon_the_curve_is_the_risk_and_its_band_the_refits_range(
    bedside: Model, random_patients: Patients, threshold: float | None
) -> None:
    assert bedside.default_days == (90, 180)
    for row in random_patients(bedside.names, 50):
        prediction = bedside.predict(row, Options(threshold=threshold, survival=True, instability=True))
        survival, instability = prediction.survival, prediction.instability
        assert isinstance(survival, Survival)
        assert isinstance(instability, Instability)
        assert (survival.horizon_days, survival.risk[-1]) == (bedside.default_days, prediction.risk)
        assert survival.low
        assert survival.high
        assert (survival.low[-1], survival.high[-1]) == (instability.low, instability.high)
        assert instability.low <= prediction.risk <= instability.high


def test_a_model_of_a_shorter_horizon_has_no_later_days(bedside: Model) -> None:
    short = Model(changed(bedside.bundle, horizon=100, curve=Curve([0, 50, 100], [0.0, 0.7, 1.0])))
    typical = bedside.bundle.manifest.typical
    assert short.default_days == (90, 100)
    prediction = short.predict(typical, Options(survival=True))
    assert prediction.horizon_days == 100
    assert isinstance(prediction.survival, Survival)
    assert prediction.survival.horizon_days == (90, 100)
    with pytest.raises(NotInBundleError, match="has no risk by a day after its horizon, day 100"):
        short.predict(typical, Options(horizons=(30, 101)))


def test_without_refits_the_curve_has_no_band(bedside: Model) -> None:
    plain = Model(dataclasses.replace(bedside.bundle, refits=None))
    survival = plain.predict(bedside.bundle.manifest.typical, Options(survival=True)).survival
    assert isinstance(survival, Survival)
    assert survival.low is survival.high is msgspec.UNSET


def test_what_a_bundle_does_not_hold_cannot_be_asked_for(bundle: Bundle, rows: list[list[float]]) -> None:
    undated = changed(bundle, horizon=None, curve=None, support=None)
    bare = Model(dataclasses.replace(undated, refits=None))
    with pytest.raises(NotInBundleError, match=r"^The model \w+ has no survival curve; leave that out"):
        bare.predict(rows[0], Options(horizons=(90,)))
    with pytest.raises(NotInBundleError, match=r"^The model \w+ has no refits that would tell how sure it is;"):
        bare.predict(rows[0], Options(instability=True))
    prediction = bare.predict(rows[0], Options(explain=True))
    assert prediction.explanation is not msgspec.UNSET
    assert prediction.survival is prediction.instability is msgspec.UNSET


def test_an_old_patient_with_a_weak_heart_and_failing_kidneys_is_at_more_risk_than_a_young_healthy_one(
    model: Model,
) -> None:
    example = {variable.name: variable.example for variable in model.variables}
    well = {**example, "age": 45, "ejection_fraction": 55, "serum_creatinine": 0.8}
    ill = {**example, "age": 88, "ejection_fraction": 18, "serum_creatinine": 4}
    low, high = model.predict(list(well.values())), model.predict(list(ill.values()))
    assert low.risk < model.bundle.manifest.base_rate < high.risk
    assert (low.death_event, high.death_event) == (0, 1)


def test_a_golden_vote_that_turns_refuses_the_model_though_the_probability_hardly_moved(bundle: Bundle) -> None:
    model = Model(bundle)
    probability = bundle.manifest.golden.probabilities[0][0]
    threshold = float(model.calibration.transform(np.array([probability], np.float32))[0])
    at_the_cutoff = changed(bundle, threshold=threshold)
    assert model.calibration.cutoff(threshold) == probability
    Model(at_the_cutoff)
    below = float(np.nextafter(np.float32(probability), np.float32(0)))
    with pytest.raises(BundleError, match="the golden rows are not answered as stored"):
        Model(with_golden(at_the_cutoff, lambda golden: golden.probabilities[0].__setitem__(0, below)))


@pytest.mark.parametrize(
    "change",
    [
        lambda golden: golden.probabilities[3].reverse(),
        lambda golden: golden.risks.reverse(),
        lambda golden: golden.rows.reverse(),
        lambda golden: [row.append(0.5) for row in golden.probabilities],
        lambda golden: golden.risks.__setitem__(0, golden.risks[0] + 10 * GOLDEN_TOLERANCE),
    ],
    ids=["probabilities", "risks", "rows", "shape", "a little"],
)
def test_a_model_that_answers_its_golden_rows_otherwise_is_refused(
    bundle: Bundle, change: Callable[[Golden], object]
) -> None:
    with pytest.raises(BundleError, match=rf"^{bundle.place}/model.onnx: the golden rows are not answered as stored"):
        Model(with_golden(bundle, change))


WEIGHT = '["location": "weight.bin"]'
GRAPHS = {
    "narrow": "(float[n, 1] patients) => (float[n, m] probabilities) { probabilities = Identity (patients) }",
    "unrunnable": """(float[n, 11] patients) => (float[n, m] probabilities) {
        shape = Constant <value_ints: ints = [7, 1]> ()
        probabilities = Reshape (patients, shape)
    }""",
    "external weight": f"""(float[n, 11] patients) => (float[n, m] probabilities) <float[11, 3] weight = {WEIGHT}> {{
        probabilities = MatMul (patients, weight)
    }}""",
    "external constant": f"""(float[n, 11] patients) => (float[n, m] probabilities) {{
        weight = Constant <value: tensor = float[11, 3] constant {WEIGHT}> ()
        probabilities = MatMul (patients, weight)
    }}""",
}
"""Graphs that are no model's: of another shape, failing when they run, with weights in another file."""


def check_refused(bundle: Bundle, content: bytes) -> str:
    with pytest.raises(BundleError, match=rf"^{bundle.place}/model.onnx: [^\n]+; restore the folder") as caught:
        Model(dataclasses.replace(bundle, onnx=content))
    return str(caught.value)


@pytest.mark.parametrize("kind", GRAPHS)
def test_a_graph_that_is_no_model_s_is_refused_in_one_line(
    bedside: Model, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weight.bin").write_bytes(bytes(4 * 11 * 3))
    monkeypatch.chdir(tmp_path)  # onnxruntime would look for the file here
    graph = parse_model(f'<ir_version: 10, opset_import: ["": 18]> made {GRAPHS[kind]}')
    message = check_refused(bedside.bundle, graph.SerializeToString())
    assert ("weight.bin" in message) == kind.startswith("external")


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x0a"])
def test_what_is_no_graph_is_refused_in_one_line(bedside: Model, content: bytes) -> None:
    check_refused(bedside.bundle, content)

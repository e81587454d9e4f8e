from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.errors import BundleError
from heartapp.inference.bundle import MEMBERS, Bundle, read_bundle, read_served
from heartapp.inference.cautions import cautions
from heartapp.inference.model import GOLDEN_TOLERANCE, Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from heartapp.inference.bundle import Golden

    Patients = Callable[[Sequence[str], int], list[list[float]]]


@pytest.fixture(scope="module", params=MODEL_VARIABLES)
def bundle(request: pytest.FixtureRequest, models: Path) -> Bundle:
    return read_bundle(models, request.param, read_served(models)[request.param])


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> Model:
    return Model(bundle)


@pytest.fixture(scope="module")
def rows(model: Model, random_patients: Patients) -> list[list[float]]:
    return random_patients([variable.name for variable in model.variables], 1_000)


def changed(bundle: Bundle, **changes: Any) -> Bundle:
    """The bundle with another manifest."""
    return dataclasses.replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, **changes))


def with_golden(bundle: Bundle, change: Callable[[Golden], object]) -> Bundle:
    golden = msgspec.convert(msgspec.to_builtins(bundle.manifest.golden), type(bundle.manifest.golden))
    change(golden)
    return changed(bundle, golden=golden)


def test_a_single_patient_is_answered_bit_for_bit_as_in_a_batch(model: Model, rows: list[list[float]]) -> None:
    batch = model.predict(rows)
    assert [model.predict([row]) for row in rows] == [[prediction] for prediction in batch]


def test_the_same_patients_are_answered_the_same_in_any_order(model: Model, rows: list[list[float]]) -> None:
    assert model.predict(rows[::-1]) == model.predict(rows)[::-1]


def test_the_majority_of_votes_is_the_class_and_the_class_is_risk_against_threshold(
    model: Model, rows: list[list[float]]
) -> None:
    predictions = model.predict(rows)
    for prediction in predictions:
        votes = sum(vote.vote for vote in prediction.votes)
        assert prediction.death_event == (votes >= 2) == (prediction.risk >= prediction.threshold)
    assert {sum(vote.vote for vote in prediction.votes) for prediction in predictions} > {0, 3}


def test_each_member_votes_at_the_cutoff(model: Model, rows: list[list[float]]) -> None:
    for prediction in model.predict(rows):
        assert [vote.vote for vote in prediction.votes] == [
            vote.probability >= model.cutoff for vote in prediction.votes
        ]


def test_a_prediction_says_which_model_answered_and_how_it_decides(model: Model, rows: list[list[float]]) -> None:
    (prediction,) = model.predict(rows[:1])
    manifest = model.bundle.manifest
    assert prediction.model.name == model.name == manifest.name
    assert prediction.model.version == manifest.version
    assert prediction.model.digest == model.bundle.digest
    assert prediction.threshold == manifest.threshold
    assert prediction.base_rate == manifest.base_rate
    assert tuple(vote.member for vote in prediction.votes) == MEMBERS
    assert prediction.cautions == cautions(model.variables, manifest.variables, rows[0])


def test_a_prediction_s_fields_are_the_keys_of_the_house_plan(model: Model, rows: list[list[float]]) -> None:
    prediction = msgspec.to_builtins(model.predict(rows[:1])[0])
    assert list(prediction) == ["model", "death_event", "risk", "threshold", "base_rate", "votes", "cautions"]
    assert list(prediction["model"]) == ["name", "version", "digest"]
    assert list(prediction["votes"][0]) == ["member", "probability", "vote"]
    assert list(prediction["cautions"][0]) == ["field", "message"]


def test_no_patients_are_answered_with_no_predictions(model: Model) -> None:
    assert model.predict([]) == []


@pytest.mark.parametrize("change", [-1, 1])
def test_rows_of_another_width_are_not_answered(model: Model, rows: list[list[float]], change: int) -> None:
    width = len(model.variables) + change
    with pytest.raises(ValueError, match="reshape"):
        model.predict([(row * 2)[:width] for row in rows[: len(model.variables)]])


def test_an_old_patient_with_a_weak_heart_and_failing_kidneys_is_at_more_risk_than_a_young_healthy_one(
    model: Model,
) -> None:
    example = {variable.name: variable.example for variable in model.variables}
    well = {**example, "age": 45, "ejection_fraction": 55, "serum_creatinine": 0.8}
    ill = {**example, "age": 88, "ejection_fraction": 18, "serum_creatinine": 4}
    low, high = model.predict([list(well.values()), list(ill.values())])
    assert low.risk < model.bundle.manifest.base_rate < high.risk
    assert (low.death_event, high.death_event) == (0, 1)


def test_followup_always_carries_the_caution_about_time_and_bedside_never(
    model: Model, rows: list[list[float]]
) -> None:
    about_time = ["time" in {caution.field for caution in prediction.cautions} for prediction in model.predict(rows)]
    assert set(about_time) == {"time" in model.bundle.manifest.variable_names}


def test_the_variables_are_the_declared_ones_in_the_manifest_s_order(model: Model) -> None:
    assert model.variables == tuple(BY_NAME[name] for name in MODEL_VARIABLES[model.name])


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
def test_golden_rows_that_are_answered_otherwise_than_stored_refuse_the_model(
    bundle: Bundle, change: Callable[[Golden], object]
) -> None:
    with pytest.raises(BundleError, match="does not answer its golden rows as stored; train the model anew"):
        Model(with_golden(bundle, change))


def test_a_golden_vote_that_turns_refuses_the_model_though_the_probability_hardly_moved(bundle: Bundle) -> None:
    model = Model(bundle)
    probability = bundle.manifest.golden.probabilities[0][0]
    threshold = float(model.calibration.transform(np.array([probability], np.float32))[0])
    at_the_cutoff = changed(bundle, threshold=threshold)
    assert Model(at_the_cutoff).cutoff == probability
    below = float(np.nextafter(np.float32(probability), np.float32(0)))
    with pytest.raises(BundleError, match="does not answer its golden rows as stored"):
        Model(with_golden(at_the_cutoff, lambda golden: golden.probabilities[0].__setitem__(0, below)))


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x0a"])
def test_a_graph_that_onnxruntime_cannot_read_refuses_the_model(bundle: Bundle, content: bytes) -> None:
    with pytest.raises(BundleError, match=r"^model\.onnx of \w+ cannot be read: .*; train the model anew$"):
        Model(dataclasses.replace(bundle, onnx=content))


def test_another_model_s_graph_refuses_the_model(bundle: Bundle, models: Path) -> None:
    other = next(name for name in MODEL_VARIABLES if name != bundle.manifest.name)
    graph = read_bundle(models, other, read_served(models)[other]).onnx
    with pytest.raises(BundleError, match=r"^model\.onnx of \w+ does not fit its manifest; train the model anew$"):
        Model(dataclasses.replace(bundle, onnx=graph))


def test_a_graph_that_fails_when_it_runs_refuses_the_model(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"(?s)^model\.onnx of \w+ cannot be run: .*; train the model anew$"):
        Model(dataclasses.replace(bundle, onnx=unrunnable_graph(len(bundle.manifest.variables))))


def unrunnable_graph(columns: int) -> bytes:
    """A graph of the right input and output whose inner reshape fits no number of rows but one."""
    nodes = [
        helper.make_node("Constant", [], ["shape"], value_ints=[7, 1]),
        helper.make_node("Reshape", ["patients", "shape"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "unrunnable",
        [helper.make_tensor_value_info("patients", TensorProto.FLOAT, ["n", columns])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", "m"])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(made.SerializeToString())

import hashlib
import json
import shutil
from pathlib import Path
from threading import Event

import onnx
import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.errors import ModelUnavailableError, UnknownModelError
from heartapp.inference.bundle import MANIFEST, ONNX, SERVED, read_bundle
from heartapp.inference.registry import ModelRegistry
from heartapp.inference.served import read_served
from tests.server.running import wait_until


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    """A copy of the shipped models."""
    return shutil.copytree(models, tmp_path / "models")


@pytest.fixture(scope="module")
def shipped(models: Path) -> ModelRegistry:
    return ModelRegistry(models, default="bedside")


def break_bundle(root: Path, name: str) -> Path:
    """Truncate a model's graph."""
    path = root / name / read_served(root)[name] / ONNX
    path.write_bytes(path.read_bytes()[:-1])
    return path


def copy_version(root: Path, name: str, version: str) -> None:
    """The served version of a model under another number."""
    folder = shutil.copytree(root / name / read_served(root)[name], root / name / version)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": version}), "utf-8")


def example(registry: ModelRegistry, name: str | None = None) -> list[float]:
    return [variable.example for variable in registry.get(name).variables]


@pytest.mark.parametrize("default", MODEL_VARIABLES)
def test_the_default_model_comes_first_and_answers_where_none_is_named(models: Path, default: str) -> None:
    registry = ModelRegistry(models, default=default)
    assert registry.faults == {}
    assert [model.name for model in registry.models] == list(registry.names)
    assert registry.names == (default, *({*MODEL_VARIABLES} - {default}))
    assert registry.get() is registry.get(default) is registry.models[0]


@pytest.mark.parametrize("name", ["", "Bedside", "../bedside", "x" * 100, "\ud800"])
def test_an_unknown_model_is_answered_with_the_served_ones(shipped: ModelRegistry, name: str) -> None:
    with pytest.raises(UnknownModelError, match=r"Served here: bedside, followup\.$") as caught:
        shipped.get(name)
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 200


def test_a_table_that_was_read_before_is_used_again(root: Path) -> None:
    break_bundle(root, "followup")
    ModelRegistry(root, default="bedside").read()
    refits = ModelRegistry(root, default="bedside").get("bedside").refits
    assert refits is read_bundle(root, "bedside", read_served(root)["bedside"]).refits


def test_models_are_loaded_once_and_kept(root: Path) -> None:
    registry = ModelRegistry(root, default="bedside")
    registry.load()
    kept = registry.get()
    shutil.rmtree(root)
    registry.load()
    assert registry.get() is kept


def test_a_bundle_that_fails_is_not_served_and_leaves_the_others_served(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = break_bundle(root, "followup")
    registry = ModelRegistry(root, default="bedside")
    assert [model.name for model in registry.models] == ["bedside"]
    assert registry.names == ("bedside", "followup")
    assert registry.get().predict(example(registry)).model.name == "bedside"
    assert list(registry.faults) == ["followup"]
    assert registry.faults["followup"].startswith(f"{broken.relative_to(root)}: ")
    assert f"model followup is not served: {registry.faults['followup']} (bundles: {root})" in caplog.messages


def test_a_default_model_that_fails_is_replaced_by_no_other(root: Path) -> None:
    break_bundle(root, "bedside")
    registry = ModelRegistry(root, default="bedside")
    with pytest.raises(ModelUnavailableError, match=r"^The model bedside is not available"):
        registry.get()
    assert registry.get("followup").name == "followup"


def test_a_pinned_version_goes_before_the_one_in_served_toml(root: Path) -> None:
    copy_version(root, "bedside", "100")
    registry = ModelRegistry(root, default="bedside", served={"bedside": "100"})
    assert registry.get("bedside").identity.version == "100"
    assert registry.get("followup").identity.version == read_served(root)["followup"]


def test_without_served_toml_only_what_the_operator_pinned_is_served(root: Path) -> None:
    version = read_served(root)["bedside"]
    (root / SERVED).unlink()
    pinned = ModelRegistry(root, default="bedside", served={"bedside": version})
    assert ([model.name for model in pinned.models], pinned.faults) == (["bedside"], {})
    other = ModelRegistry(root, default="followup", served={"bedside": version})
    assert other.faults["followup"].startswith(f"{SERVED}: ")
    assert other.get("bedside").identity.version == version


def test_a_default_model_without_a_version_is_a_fault_that_says_what_to_set(models: Path) -> None:
    registry = ModelRegistry(models, default="nobody")
    assert registry.names == ("nobody", "bedside", "followup")
    assert "has no version to serve; name one in" in registry.faults["nobody"]
    with pytest.raises(ModelUnavailableError):
        registry.get()


def test_a_newly_named_version_is_served_and_the_others_stay_loaded(root: Path) -> None:
    registry = ModelRegistry(root, default="bedside")
    before, other = registry.get(), registry.get("followup")
    copy_version(root, "bedside", "100")
    registry.refresh()
    assert registry.get() is before
    (root / SERVED).write_text((root / SERVED).read_text().replace('bedside = "', 'bedside = "100" # "'))
    registry.refresh()
    assert registry.get().identity.version == "100"
    assert registry.get().predict(example(registry)).risk == before.predict(example(registry)).risk
    assert registry.get("followup") is other
    assert registry.refused == {}


@pytest.mark.parametrize("served", ['bedside = "100"', 'bedside = "absent"', "bedside = [", 'followup = "2"'])
def test_the_served_version_stays_where_the_new_one_cannot_be_loaded(root: Path, served: str) -> None:
    registry = ModelRegistry(root, default="bedside")
    before = registry.get()
    copy_version(root, "bedside", "100")
    (root / "bedside" / "100" / ONNX).write_bytes(b"")
    good = (root / SERVED).read_text()
    (root / SERVED).write_text(served)
    registry.refresh()
    assert registry.get() is before
    assert (registry.faults, "bedside" in registry.refused) == ({}, True)
    (root / SERVED).write_text(good)
    registry.refresh()
    assert registry.refused == {}
    assert registry.get() is before


def test_a_model_that_is_named_no_longer_is_not_served(root: Path) -> None:
    registry = ModelRegistry(root, default="bedside")
    assert {*registry.names} == {"bedside", "followup"}
    (root / SERVED).write_text(f'bedside = "{read_served(root)["bedside"]}"')
    registry.refresh()
    assert [*registry.names] == ["bedside"]
    assert registry.refused == {}


def test_a_graph_that_never_ends_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heartapp.inference.model.CHECK_SECONDS", 0.2)
    registry = ModelRegistry(root, default="bedside")
    before = registry.get()
    copy_version(root, "bedside", "100")
    folder = root / "bedside" / "100"
    graph = endless_graph(len(before.names))
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"][ONNX] = {"size": len(graph), "sha256": hashlib.sha256(graph).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    (folder / ONNX).write_bytes(graph)
    (root / SERVED).write_text('bedside = "100"')
    registry.refresh()
    assert registry.get() is before
    assert registry.refused["bedside"].startswith("bedside/100/model.onnx: ")


def endless_graph(columns: int) -> bytes:
    """A valid graph from rows of ``columns`` values, with a loop whose condition is always true."""
    real, whole, logical = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.BOOL
    info, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    body = onnx.helper.make_graph(
        [node("Identity", ["condition"], ["go_on"]), node("Sqrt", ["before"], ["after"])],
        "body",
        [info("step", whole, []), info("condition", logical, []), info("before", real, [None, columns])],
        [info("go_on", logical, []), info("after", real, [None, columns])],
    )
    true = onnx.helper.make_tensor("true", logical, [], [True])
    loop = node("Loop", ["", "true", "rows"], ["probabilities"], body=body)
    rows, answer = info("rows", real, [None, columns]), info("probabilities", real, [None, columns])
    graph = onnx.helper.make_graph([loop], "endless", [rows], [answer], [true])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def test_a_followed_registry_loads_what_is_promoted_and_survives_any_failure(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry, stop = ModelRegistry(root, default="bedside"), Event()
    registry.load()
    thread = registry.follow(stop, seconds=0.01)
    copy_version(root, "bedside", "100")
    (root / SERVED).write_text('bedside = "100"')
    wait_until(lambda: registry.get().identity.version == "100", "the new version is served")
    monkeypatch.setattr(registry, "_pins", lambda: 1 / 0)
    (root / SERVED).write_text('bedside = "absent"')
    wait_until(lambda: "could not be followed" in caplog.text, "the failure is logged")
    monkeypatch.undo()
    wait_until(lambda: registry.refused, "served.toml is followed again")
    stop.set()
    thread.join()

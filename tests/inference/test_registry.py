from __future__ import annotations

import json
import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.errors import ModelUnavailableError, UnknownModelError
from heartapp.inference import registry as registry_module
from heartapp.inference.bundle import MANIFEST, ONNX, SERVED, Bundle, read_bundle, read_served
from heartapp.inference.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOT_FOR_SERVING = {"sklearn", "sksurv", "xgboost", "scipy", "pandas", "joblib", "cloudpickle", "dill", "onnx", "flask"}

IMPORTS = """
import sys
from pathlib import Path
from heartapp.inference.registry import ModelRegistry
registry = ModelRegistry(Path(sys.argv[1]), default="bedside")
registry.load()
assert len(registry.models) == 2, registry.faults
print("\\n".join(sys.modules))
"""

FORK = """
import json, os, sys
from pathlib import Path
from heartapp.inference.registry import ModelRegistry
registry = ModelRegistry(Path(sys.argv[1]), default="bedside")
row = [variable.example for variable in registry.get().variables]
inherited = registry.get()
reader, writer = os.pipe()
child = os.fork()
if not child:
    own = registry.get()
    facts = {"own": own is not inherited, "kept": registry.get() is own, "risk": own.predict(row).risk}
    os.write(writer, json.dumps(facts).encode())
    os._exit(0)
os.close(writer)
facts = json.load(os.fdopen(reader))
os.waitpid(child, 0)
print(json.dumps([facts, registry.get() is inherited, registry.get().predict(row).risk]))
"""


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


def test_the_shipped_models_are_served_without_a_fault(shipped: ModelRegistry) -> None:
    assert shipped.faults == {}
    assert set(shipped.names) == set(MODEL_VARIABLES)
    assert [model.name for model in shipped.models] == list(shipped.names)


@pytest.mark.parametrize("default", MODEL_VARIABLES)
def test_the_default_model_comes_first_and_answers_where_none_is_named(models: Path, default: str) -> None:
    registry = ModelRegistry(models, default=default)
    assert registry.names[0] == registry.models[0].name == registry.get().name == default
    assert registry.get() is registry.get(default)


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_a_named_model_answers(shipped: ModelRegistry, name: str) -> None:
    prediction = shipped.get(name).predict(example(shipped, name))
    assert prediction.model.name == name


@pytest.mark.parametrize("name", ["", "Bedside", "../bedside", "x" * 100, "\ud800"])
def test_an_unknown_model_is_answered_with_the_served_ones(shipped: ModelRegistry, name: str) -> None:
    with pytest.raises(UnknownModelError, match=r"Served here: bedside, followup\.$") as caught:
        shipped.get(name)
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 200


def test_nothing_is_read_before_the_first_use(root: Path) -> None:
    registry = ModelRegistry(root, default="bedside")
    broken = break_bundle(root, "bedside")
    assert registry.faults["bedside"].startswith(f"{broken.relative_to(root)} has ")


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
    assert registry.faults["followup"].startswith(f"{broken.relative_to(root)} has ")
    assert f"model followup is not served: {registry.faults['followup']} (bundles: {root})" in caplog.messages


def test_a_model_that_does_not_answer_its_golden_rows_is_not_served_and_the_others_are(root: Path) -> None:
    manifest = root / "followup" / read_served(root)["followup"] / MANIFEST
    told = json.loads(manifest.read_bytes())
    told["golden"]["risks"].reverse()
    manifest.write_text(json.dumps(told))
    registry = ModelRegistry(root, default="bedside")
    assert [model.name for model in registry.models] == ["bedside"]
    assert "does not answer its golden rows" in registry.faults["followup"]


def test_a_default_model_that_fails_is_replaced_by_no_other(root: Path) -> None:
    break_bundle(root, "bedside")
    registry = ModelRegistry(root, default="bedside")
    with pytest.raises(ModelUnavailableError, match=r"^The model bedside is not available"):
        registry.get()
    assert registry.get("followup").name == "followup"


def test_an_older_version_never_takes_the_place_of_one_that_fails(root: Path) -> None:
    copy_version(root, "bedside", "100")
    break_bundle(root, "bedside")
    assert list(ModelRegistry(root, default="bedside").faults) == ["bedside"]


def test_faults_cannot_be_talked_away_from_outside(root: Path) -> None:
    break_bundle(root, "bedside")
    registry = ModelRegistry(root, default="bedside")
    registry.faults.clear()
    assert list(registry.faults) == ["bedside"]


def test_a_pinned_version_goes_before_the_one_in_served_toml(root: Path) -> None:
    copy_version(root, "bedside", "100")
    registry = ModelRegistry(root, default="bedside", served={"bedside": "100"})
    assert registry.get("bedside").identity.version == "100"
    assert registry.get("followup").identity.version == read_served(root)["followup"]


def test_a_pinned_version_that_is_not_there_is_a_fault(root: Path) -> None:
    registry = ModelRegistry(root, default="bedside", served={"bedside": "100"})
    assert "is not a folder" in registry.faults["bedside"]


@pytest.mark.parametrize("version", ["..", "../bedside/1", "/"])
def test_a_version_that_leads_elsewhere_is_a_fault(root: Path, version: str) -> None:
    registry = ModelRegistry(root, default="bedside", served={"bedside": version})
    assert "is no name for a bundle's folder" in registry.faults["bedside"]


def test_without_served_toml_nothing_is_served_and_the_reason_names_it(root: Path) -> None:
    (root / SERVED).unlink()
    registry = ModelRegistry(root, default="bedside")
    assert registry.models == ()
    assert registry.faults["bedside"].startswith(f"{SERVED}: ")


def test_what_the_operator_pinned_is_served_though_served_toml_is_missing(root: Path) -> None:
    version = read_served(root)["bedside"]
    (root / SERVED).unlink()
    registry = ModelRegistry(root, default="bedside", served={"bedside": version})
    assert [model.name for model in registry.models] == ["bedside"]
    assert registry.faults == {}
    other = ModelRegistry(root, default="followup", served={"bedside": version})
    assert list(other.faults) == ["followup"]
    assert other.get("bedside").identity.version == version


def test_a_default_model_without_a_version_is_a_fault_that_says_what_to_set(models: Path) -> None:
    registry = ModelRegistry(models, default="nobody")
    assert registry.names == ("nobody", "bedside", "followup")
    assert "has no version to serve; name one in" in registry.faults["nobody"]
    with pytest.raises(ModelUnavailableError):
        registry.get()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_makes_sessions_of_its_own_and_answers_alike(
    models: Path, run_python: Callable[..., str]
) -> None:
    child, parent_kept, risk = json.loads(run_python(FORK, models))
    assert child == {"own": True, "kept": True, "risk": risk}
    assert parent_kept


def test_serving_imports_neither_training_code_nor_what_loads_pickles(
    models: Path, run_python: Callable[..., str]
) -> None:
    imported = set(run_python(IMPORTS, models).splitlines())
    assert "onnxruntime" in imported
    assert {name.partition(".")[0] for name in imported} & NOT_FOR_SERVING == set()
    assert not any(name.startswith("heartapp.training") for name in imported)


class AnnouncedLock:
    """A lock that counts who has come to it, before they wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.came = threading.Semaphore(0)

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_threads_that_come_first_together_load_the_models_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry(models, default="bedside")
    lock = AnnouncedLock()
    read: list[str] = []

    def read_when_all_are_there(root: Path, name: str, version: str) -> Bundle:
        if not read:
            for _ in range(4):
                assert lock.came.acquire(timeout=60)
        read.append(name)
        return read_bundle(root, name, version)

    monkeypatch.setattr(registry, "_lock", lock)
    monkeypatch.setattr(registry_module, "read_bundle", read_when_all_are_there)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(registry.get())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read) == ["bedside", "followup"]
    assert got == [registry.get()] * 4

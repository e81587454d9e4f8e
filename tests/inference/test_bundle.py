import hashlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartapp.clinical import variables
from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES
from heartapp.errors import BundleError
from heartapp.inference.bundle import (
    CARD,
    EXTERNAL,
    FILES,
    FORMAT,
    JOBLIB,
    MANIFEST,
    ONNX,
    REFITS,
    REPORT,
    SERVED,
    Bundle,
    list_bundles,
    read_bundle,
)
from heartapp.inference.model import Model, Options
from heartapp.inference.served import read_served
from tests.client import SHIPPED

Change = Callable[[dict[str, Any]], object]

Array = np.ndarray[Any, Any]

NAME = "bedside"
VERSION = read_served(SHIPPED)[NAME]
PLACE = f"{NAME}/{VERSION}"
LISTED = (*FILES, REFITS)
REMEDIES = ("heartapp train", "copy the f", "correct served.toml")

every_file = pytest.mark.parametrize("file", [MANIFEST, *LISTED])


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    """A folder of bundles that holds a copy of the shipped bedside model, as version 1."""
    folder = tmp_path / "models" / NAME / VERSION
    shutil.copytree(models / NAME / read_served(models)[NAME], folder)
    change_manifest(folder, lambda manifest: manifest.update(version=VERSION))
    return tmp_path / "models"


@pytest.fixture
def folder(root: Path) -> Path:
    return root / NAME / VERSION


def change_manifest(folder: Path, change: Change) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")


def replace_file(folder: Path, file: str, content: bytes) -> None:
    """Write other content and state its digest in the manifest."""
    (folder / file).write_bytes(content)
    entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    change_manifest(folder, lambda manifest: manifest["files"].update({file: entry}))


def load(root: Path, name: str = NAME, version: str = VERSION) -> Model:
    return Model(read_bundle(root, name, version))


def refusal(root: Path, name: str = NAME, version: str = VERSION) -> str:
    with pytest.raises(BundleError) as caught:
        load(root, name, version)
    message = str(caught.value)
    assert str(root) not in message
    assert "\n" not in message
    assert any(remedy in message for remedy in REMEDIES), message
    return message


@np.errstate(all="ignore")  # numbers that make no sense may overflow, which does no harm
def check_that_it_predicts_or_is_refused(root: Path) -> None:
    """Whatever a bundle's files hold: the server stays up, and so does every request."""
    try:
        model = load(root)
    except BundleError:
        return
    everything = Options(survival=model.curve is not None, explain=True, instability=model.refits is not None)
    for row in (
        [np.nan] * len(model.names),
        [one.low for one in model.variables],
        [one.high for one in model.variables],
    ):
        model.predict(row, everything)


def test_a_shipped_bundle_passes_every_check(bundle: Bundle, models: Path) -> None:
    assert bundle.manifest.variable_names == MODEL_VARIABLES[bundle.manifest.name]
    assert bundle.onnx == (models / bundle.place / ONNX).read_bytes()
    assert set(bundle.manifest.files) == {path.name for path in (models / bundle.place).iterdir()} - {
        MANIFEST,
        EXTERNAL,
    }
    assert bundle.digest == "sha256:" + hashlib.sha256((models / bundle.place / MANIFEST).read_bytes()).hexdigest()
    dated = [one is not None for one in (bundle.refits, bundle.manifest.curve, bundle.manifest.support)]
    assert dated == [bundle.manifest.name == NAME] * 3


def test_a_bundle_may_lack_refits(root: Path, folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest["files"].pop(REFITS))
    assert load(root).refits is None  # with the file there, which the manifest does not name
    (folder / REFITS).unlink()
    assert load(root).refits is None


@pytest.mark.parametrize("file", ["extra.txt", "../report.json", "/etc/passwd", ""])
def test_a_manifest_that_names_another_file_is_refused(root: Path, folder: Path, file: str) -> None:
    change_manifest(folder, lambda manifest: manifest["files"].update({file: {"size": 0, "sha256": "0" * 64}}))
    assert refusal(root).startswith(f"{PLACE}/{MANIFEST}: it lists files that no bundle holds")


# Files


@pytest.mark.parametrize("file", LISTED)
def test_a_file_with_a_flipped_bit_or_another_size_is_refused(root: Path, folder: Path, file: str) -> None:
    content = (folder / file).read_bytes()
    for place in (0, len(content) // 2, len(content) - 1):
        flipped = bytes([content[place] ^ 1])
        (folder / file).write_bytes(content[:place] + flipped + content[place + 1 :])
        assert refusal(root).startswith(f"{PLACE}/{file}: its SHA-256 is not the one")
    for other in (content[:-1], content + b"\n"):
        (folder / file).write_bytes(other)
        assert refusal(root).startswith(f"{PLACE}/{file}: {len(other)} bytes, the manifest says {len(content)}")


@every_file
def test_a_missing_file_is_named(root: Path, folder: Path, file: str) -> None:
    (folder / file).unlink()
    assert refusal(root).startswith(f"{PLACE}/{file}: No such file")


@every_file
def test_a_symbolic_link_in_place_of_a_file_is_refused(root: Path, folder: Path, file: str) -> None:
    (folder / file).rename(root / file)
    (folder / file).symlink_to(root / file)
    assert refusal(root).startswith(f"{PLACE}/{file} is a symbolic link")


@pytest.mark.parametrize("linked", [NAME, PLACE])
def test_a_symbolic_link_in_place_of_a_folder_is_refused(root: Path, tmp_path: Path, linked: str) -> None:
    (root / linked).rename(tmp_path / "elsewhere")
    (root / linked).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert refusal(root).startswith(f"{linked} is a symbolic link")


def write_test_elsewhere(folder: Path, digest: str, **changes: object) -> None:
    """The shipped test on another cohort, as if it were of the bundle with this digest."""
    found = json.loads(next((SHIPPED / PLACE / EXTERNAL).glob("*.json")).read_text("utf-8"))
    found["result"]["model"]["digest"] = digest
    (folder / EXTERNAL).mkdir(exist_ok=True)
    (folder / EXTERNAL / "new.json").write_text(json.dumps(found | {"cohort": "New"} | changes), "utf-8")


def test_tests_on_other_cohorts_are_read_if_they_are_of_this_bundle(root: Path, folder: Path) -> None:
    digest = load(root).bundle.digest
    for tested, known in ((digest, True), ("sha256:" + "0" * 64, False)):
        write_test_elsewhere(folder, tested)
        assert ("New" in {one.cohort for one in load(root).bundle.external}) is known


@pytest.mark.parametrize("changes", [{"result": 7}, {"source": "javascript:1"}])
def test_a_damaged_test_on_another_cohort_is_ignored(
    root: Path, folder: Path, changes: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    write_test_elsewhere(folder, load(root).bundle.digest, **changes)
    assert "New" not in {one.cohort for one in load(root).bundle.external}
    assert f"{PLACE}/{EXTERNAL}/new.json is ignored" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_regular_file_is_refused_without_waiting(
    root: Path, folder: Path, make: Callable[[Path], None]
) -> None:
    (folder / CARD).unlink()
    make(folder / CARD)
    assert refusal(root).startswith(f"{PLACE}/{CARD}: not a file")


def test_a_file_larger_than_any_bundle_needs_is_not_read(root: Path, folder: Path) -> None:
    os.truncate(folder / MANIFEST, 64 * 1024 * 1024 + 1)
    assert refusal(root).startswith(f"{PLACE}/{MANIFEST}: not a file of at most 67108864 bytes")


@pytest.mark.parametrize(
    "part",
    ["..", ".", "", "../models/bedside", "/etc", "a/b", "a\\b", "Bedside", "-x", "bed side", "x\n", "é", "x" * 65],
)
def test_a_name_that_could_lead_elsewhere_is_refused(root: Path, part: str) -> None:
    for name, version in ((part, VERSION), (NAME, part)):
        assert refusal(root, name, version).startswith(f"{part[:64]!a} is no name for a bundle's folder")


def test_a_version_that_is_not_there_is_named(root: Path) -> None:
    assert refusal(root, NAME, "99").startswith(f"{NAME}/99 is not a folder")


def test_a_bundle_copied_to_another_name_or_version_is_refused(root: Path, folder: Path) -> None:
    for name, version in ((NAME, "7"), ("followup", VERSION)):
        shutil.copytree(folder, root / name / version)
        assert f"belongs to another folder than {name}/{version}" in refusal(root, name, version)
    shutil.copytree(folder, root / "other" / VERSION)
    assert "no model of this heartapp is called other; known: bedside, followup" in refusal(root, "other", VERSION)


# Content that is wrong though every digest is right


@pytest.mark.parametrize(("stated", "said"), [(1, "format 1"), ("1", "format unknown"), (None, "format unknown")])
def test_an_unknown_format_is_refused_before_anything_else(root: Path, folder: Path, stated: object, said: str) -> None:
    change_manifest(folder, lambda manifest: manifest.update(format=stated, extra=1, name="other"))
    assert refusal(root).startswith(f"{PLACE}/{MANIFEST}: {said}, this heartapp reads format {FORMAT}")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"format": 3}', b'{"format": ' + b"9" * 5_000 + b"}", b"[" * 99_999],
    ids=lambda content: ascii(content[:20]),
)
def test_a_manifest_that_is_not_well_formed_is_named(root: Path, folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    assert refusal(root).startswith(f"{PLACE}/{MANIFEST}: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest.update(extra=1), "unknown field `extra`"),
        (lambda manifest: manifest["files"][ONNX].update(size=2**30), "`int` <= 67108864"),
        (lambda manifest: manifest["files"][ONNX].update(sha256="abc"), "matching regex"),
        (lambda manifest: manifest.pop("seed"), "missing required field `seed`"),
        (lambda manifest: manifest.update(threshold=1), "< 1.0"),
        (lambda manifest: manifest["curve"]["days"].pop(), "days must rise from 0"),
        (lambda manifest: manifest.update(horizon=90), "the curve must end at the horizon"),
        (lambda manifest: manifest.update(horizon=None), "the curve must end at the horizon"),
        (lambda manifest: manifest.update(curve=None), "the curve must end at the horizon"),
        (lambda manifest: manifest.update(horizon=10), "`int` >= 30"),
        (lambda manifest: manifest["support"]["axes"].popitem(), "do not fit their axes"),
        (lambda manifest: manifest["support"].update(counts="AAAA"), "decompressing"),
        (lambda manifest: manifest.update(used=manifest["used"][::-1]), "support must be over the variables"),
        (lambda manifest: manifest["required"].append("time"), "do not fit the variables"),
        (lambda manifest: manifest["used"].append("colour"), "do not fit the variables"),
        (lambda manifest: manifest["typical"].pop(), "do not fit the variables"),
        (lambda manifest: manifest["golden"]["rows"].pop(), "do not fit the variables"),
        (lambda manifest: manifest["golden"]["risks"].pop(), "do not fit the variables"),
        (lambda manifest: manifest["golden"]["rows"][0].pop(), "do not fit the variables"),
        (lambda manifest: manifest["edges"].update(age=[1.0, 1.0]), "edges must ascend"),
        (lambda manifest: manifest["edges"].update(age=[1e39]), "< 3.40"),
        (lambda manifest: manifest.update(edges={"colour": [1.0]}), "be of variables that are used"),
        (lambda manifest: manifest["members"].reverse(), "members must be decision_tree, random_forest"),
        (lambda manifest: [manifest["files"].pop(file) for file in FILES], f"{', '.join(FILES)} not listed"),
        (lambda manifest: manifest.update(fingerprint="sha256:" + "0" * 64), "another declaration of the variables"),
        (lambda manifest: manifest["variables"].reverse(), "another declaration of the variables"),
        (lambda manifest: manifest["variables"][0].update(name="colour"), "another declaration of the variables"),
    ],
)
def test_a_manifest_that_does_not_fit_together_is_refused(root: Path, folder: Path, change: Change, said: str) -> None:
    change_manifest(folder, change)
    message = refusal(root)
    assert message.startswith(f"{PLACE}/{MANIFEST}: ")
    assert said in message


def test_a_changed_limit_leaves_a_bundle_valid_and_a_changed_unit_does_not(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(variables.BY_NAME, "age", replace(BY_NAME["age"], high=120))
    assert load(root).variables[0].high == 120
    monkeypatch.setitem(variables.BY_NAME, "age", replace(BY_NAME["age"], unit="months"))
    assert "another declaration of the variables" in refusal(root)


@pytest.mark.parametrize("file", [REPORT, CARD, REFITS])
@pytest.mark.parametrize("content", [b"\xff", b'"\xff"', b"PK\xff"], ids=ascii)
def test_a_file_of_another_kind_is_refused(root: Path, folder: Path, file: str, content: bytes) -> None:
    replace_file(folder, file, content)
    assert refusal(root).startswith(f"{PLACE}/{file}: ")


ALTERATIONS: dict[str, Callable[[Array], Any]] = {
    **{f"as {dtype}": partial(np.ndarray.astype, dtype=dtype) for dtype in ("f8", "i8", "?", "U3", "c16", "M8[s]")},
    "a number": lambda array: array.ravel()[0],
    "empty": lambda array: array.ravel()[:0],
    "shorter": lambda array: array.ravel()[:-1],
    "another shape": lambda array: array.reshape(1, -1),
    "reversed": lambda array: array.ravel()[::-1],
    **{f"all {value}": partial(np.full_like, fill_value=value) for value in (0, 200, float("nan"))},
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_refits_of_any_type_shape_and_numbers_are_refused_or_predict(root: Path, folder: Path, alteration: str) -> None:
    with np.load(folder / REFITS) as stored:
        arrays = {name: stored[name][(slice(5),) * stored[name].ndim] for name in stored.files}  # few, to be quick
    for name, array in arrays.items():
        buffer = io.BytesIO()
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            changed = {**arrays, name: ALTERATIONS[alteration](array)}
        np.savez(buffer, **changed)
        replace_file(folder, REFITS, buffer.getvalue())
        check_that_it_predicts_or_is_refused(root)


def numbers_in(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all numbers in a JSON document."""
    if isinstance(node, dict | list):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        return [found for key, inner in items for found in numbers_in(inner, (*path, key))]
    return [path] if isinstance(node, int | float) else []


odd_numbers = st.sampled_from([0, -1, 1e-308, -1e-308, 1e308, -1e308, 2**63, 10**400, 0.5, 3, True]) | st.floats()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example writes the manifest again
@given(data=st.data())
def test_a_number_that_makes_no_sense_is_refused_or_does_no_harm(
    root: Path, folder: Path, models: Path, data: st.DataObject
) -> None:
    document = json.loads((models / NAME / read_served(models)[NAME] / MANIFEST).read_bytes()) | {"version": VERSION}
    top = data.draw(st.sampled_from([key for key in document if numbers_in(document[key])]))
    *path, last = (top, *data.draw(st.sampled_from(numbers_in(document[top]))))
    node = document
    for key in path:
        node = node[key]
    node[last] = data.draw(odd_numbers)
    (folder / MANIFEST).write_text(json.dumps(document), "utf-8")
    check_that_it_predicts_or_is_refused(root)


def test_refits_over_other_variables_than_the_used_ones_are_refused(root: Path, folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest.update(used=manifest["used"][::-1], support=None))
    assert refusal(root).startswith(f"{PLACE}/{REFITS}: its grid is of other variables than the model uses")


def test_the_pickled_members_are_never_loaded(root: Path, folder: Path) -> None:
    replace_file(folder, JOBLIB, b"no pickle")
    assert load(root).name == NAME


# The folder of bundles


def test_served_toml_names_the_version_of_each_model(root: Path) -> None:
    (root / SERVED).write_text('followup = "2"\nbedside = "1"\n')
    assert read_served(root) == {"followup": "2", "bedside": "1"}


@pytest.mark.parametrize(
    "content", [b"bedside", b"bedside = 1", b"[bedside]\nversion = '1'", b"bedside = '\xff'", b"x = " + b"[" * 9_999]
)
def test_a_served_toml_of_another_shape_is_refused_with_an_example(root: Path, content: bytes) -> None:
    (root / SERVED).write_bytes(content)
    with pytest.raises(BundleError, match=r'^served.toml: .*it holds one line a model, such as bedside = "1"$'):
        read_served(root)


def test_every_bundle_is_listed_and_nothing_unfinished(root: Path, folder: Path) -> None:
    shutil.copytree(folder, root / NAME / "10")
    shutil.copytree(folder, root / NAME / ".unfinished-x")
    shutil.copytree(folder, root / "another" / VERSION)
    (root / NAME / "empty").mkdir()
    assert list_bundles(root) == [("another", VERSION), (NAME, VERSION), (NAME, "10")]
    assert list_bundles(root / "absent") == []

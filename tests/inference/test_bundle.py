from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.errors import BundleError
from heartapp.inference.bundle import (
    FILES,
    FORMAT,
    JOBLIB,
    MANIFEST,
    ONNX,
    OPTIONAL_FILES,
    REFITS,
    REPORT,
    SERVED,
    Bundle,
    list_bundles,
    read_bundle,
    read_served,
)
from heartapp.inference.model import Model
from heartapp.inference.survival import SURVIVAL

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[dict[str, Any]], object]

NAME = "bedside"
VERSION = "1"
PLACE = f"{NAME}/{VERSION}"
LISTED = (*FILES, *OPTIONAL_FILES)
EVERY_FILE = (MANIFEST, *LISTED)
REMEDIES = ("train it anew", "train the model anew", "copy the f", "correct served.toml")


every_file = pytest.mark.parametrize("file", EVERY_FILE)
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


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
    """Put other content in place and let the manifest vouch for it."""
    (folder / file).write_bytes(content)
    entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    change_manifest(folder, lambda manifest: manifest["files"].update({file: entry}))


def refusal(root: Path, name: str = NAME, version: str = VERSION) -> str:
    with pytest.raises(BundleError) as caught:
        read_bundle(root, name, version)
    message = str(caught.value)
    assert str(root) not in message
    assert any(remedy in message for remedy in REMEDIES), message
    return message


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_a_shipped_bundle_passes_every_check(models: Path, name: str) -> None:
    version = read_served(models)[name]
    bundle = read_bundle(models, name, version)
    assert bundle.manifest.variable_names == MODEL_VARIABLES[name]
    assert bundle.onnx == (models / name / version / ONNX).read_bytes()
    assert set(bundle.manifest.files) == {path.name for path in (models / name / version).iterdir()} - {MANIFEST}
    assert bundle.refits is not None
    assert (bundle.survival is not None) == (name == "bedside")


def without_file(root: Path, folder: Path, file: str) -> Bundle:
    (folder / file).unlink()
    change_manifest(folder, lambda manifest: manifest["files"].pop(file))
    return read_bundle(root, NAME, VERSION)


def test_a_bundle_may_lack_refits_and_curve(root: Path, folder: Path) -> None:
    assert without_file(root, folder, REFITS).refits is None
    assert without_file(root, folder, SURVIVAL).survival is None
    assert Model(read_bundle(root, NAME, VERSION)).survival is None


@pytest.mark.parametrize("file", OPTIONAL_FILES)
def test_a_refits_file_or_curve_that_is_not_one_is_refused_even_with_the_right_digest(
    root: Path, folder: Path, file: str
) -> None:
    replace_file(folder, file, b"{}")
    assert file in refusal(root)


@pytest.mark.parametrize("file", OPTIONAL_FILES)
def test_a_file_that_the_manifest_does_not_name_is_not_read(root: Path, folder: Path, file: str) -> None:
    change_manifest(folder, lambda manifest: manifest["files"].pop(file))
    bundle = read_bundle(root, NAME, VERSION)
    assert {REFITS: bundle.refits, SURVIVAL: bundle.survival}[file] is None


@pytest.mark.parametrize("file", ["extra.txt", "../report.json", "/etc/passwd", ""])
def test_a_manifest_that_names_another_file_is_refused_before_that_is_read(root: Path, folder: Path, file: str) -> None:
    change_manifest(folder, lambda manifest: manifest["files"].update({file: {"size": 0, "sha256": "0" * 64}}))
    assert refusal(root).startswith(f"{PLACE}/{MANIFEST} names files that no bundle holds")


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["required"].append("time"),
        lambda manifest: manifest["used"].append("colour"),
        lambda manifest: manifest["typical"].pop(),
        lambda manifest: manifest["typical"].append(0),
        lambda manifest: manifest["domain"]["fields"].__setitem__(0, "time"),
    ],
    ids=["required", "used", "short", "long", "domain"],
)
def test_what_does_not_fit_the_variables_is_refused(root: Path, folder: Path, change: Change) -> None:
    change_manifest(folder, change)
    assert "required, used, edges, typical or domain do not fit the variables" in refusal(root)


def test_the_bundle_s_digest_is_that_of_its_manifest(root: Path, folder: Path) -> None:
    stated = "sha256:" + hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    assert read_bundle(root, NAME, VERSION).digest == stated


@pytest.mark.parametrize("file", LISTED)
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_flipped_bit_is_refused(root: Path, folder: Path, file: str, place: float) -> None:
    content = bytearray((folder / file).read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    (folder / file).write_bytes(content)
    assert refusal(root).startswith(f"{PLACE}/{file} does not have the SHA-256 that the manifest states")


@pytest.mark.parametrize("file", LISTED)
@pytest.mark.parametrize("change", [-1, 1])
def test_a_truncated_or_longer_file_is_refused(root: Path, folder: Path, file: str, change: int) -> None:
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[:change] if change < 0 else content + b"\n")
    expected = f"{PLACE}/{file} has {len(content) + change} bytes, the manifest says {len(content)}"
    assert refusal(root).startswith(expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example writes the manifest anew
@given(place=st.integers(min_value=0), flip=st.integers(1, 255))
def test_any_changed_byte_of_the_manifest_is_refused_or_shows_in_the_digest(
    root: Path, folder: Path, original: bytes, place: int, flip: int
) -> None:
    content = bytearray(original)
    content[place % len(content)] ^= flip
    (folder / MANIFEST).write_bytes(content)
    try:
        bundle = read_bundle(root, NAME, VERSION)
    except BundleError:
        return
    assert bundle.digest != "sha256:" + hashlib.sha256(original).hexdigest()


@pytest.fixture
def original(folder: Path) -> bytes:
    return (folder / MANIFEST).read_bytes()


@every_file
def test_a_missing_file_is_named(root: Path, folder: Path, file: str) -> None:
    (folder / file).unlink()
    assert refusal(root).startswith(f"{PLACE}/{file}: ")


@every_file
def test_a_symbolic_link_in_place_of_a_file_is_refused(root: Path, folder: Path, file: str) -> None:
    (folder / file).rename(root / file)
    (folder / file).symlink_to(root / file)
    assert refusal(root).startswith(f"{PLACE}/{file} is a symbolic link")


@posix
@every_file
def test_a_symbolic_link_that_takes_a_file_s_place_after_the_look_is_not_followed(
    root: Path, folder: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / file).rename(root / file)
    (folder / file).symlink_to(root / file)
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    assert refusal(root).startswith(f"{PLACE}/{file}: ")


@pytest.mark.parametrize("linked", [NAME, f"{NAME}/{VERSION}"])
def test_a_symbolic_link_in_place_of_a_folder_is_refused(root: Path, tmp_path: Path, linked: str) -> None:
    (root / linked).rename(tmp_path / "elsewhere")
    (root / linked).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert refusal(root).startswith(f"{linked} is a symbolic link")


@every_file
def test_a_folder_in_place_of_a_file_is_refused(root: Path, folder: Path, file: str) -> None:
    (folder / file).unlink()
    (folder / file).mkdir()
    assert refusal(root).startswith(f"{PLACE}/{file}")


@posix
@every_file
def test_a_named_pipe_in_place_of_a_file_is_refused_and_not_waited_for(root: Path, folder: Path, file: str) -> None:
    (folder / file).unlink()
    os.mkfifo(folder / file)
    assert refusal(root).startswith(f"{PLACE}/{file} is not a file of at most")


def test_a_file_larger_than_any_bundle_needs_is_not_read(root: Path, folder: Path) -> None:
    os.truncate(folder / MANIFEST, 64 * 1024 * 1024 + 1)
    assert refusal(root).startswith(f"{PLACE}/{MANIFEST} is not a file of at most 67108864 bytes")


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
    for name, version in ((NAME, "2"), ("followup", VERSION)):
        shutil.copytree(folder, root / name / version)
        assert f"belongs to another folder than {name}/{version}" in refusal(root, name, version)


def test_a_model_of_another_name_than_heartapp_knows_is_refused_with_the_known_ones(root: Path, folder: Path) -> None:
    shutil.copytree(folder, root / "other" / VERSION)
    change_manifest(root / "other" / VERSION, lambda manifest: manifest.update(name="other"))
    with pytest.raises(BundleError, match=r"no model of this heartapp is called other; known: bedside, followup$"):
        read_bundle(root, "other", VERSION)


@pytest.mark.parametrize(
    ("stated", "told"), [(1, "format 1"), (0, "format 0"), ("1", "format unknown"), (None, "format unknown")]
)
def test_an_unknown_format_is_told_with_the_known_one(root: Path, folder: Path, stated: object, told: str) -> None:
    change_manifest(folder, lambda manifest: manifest.update(format=stated))
    message = refusal(root)
    assert message.startswith(f"{PLACE}/{MANIFEST} is of {told}, this heartapp reads format {FORMAT}")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"format": 2}',
        b'{"format": true}',
        b'{"format": ' + b"9" * 5_000 + b"}",
        b"[" * 99_999,
        b'{"format": 2, "x": ' + b"[" * 99_999,
    ],
    ids=lambda content: ascii(content[:20]),
)
def test_a_manifest_that_is_not_well_formed_is_named(root: Path, folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    assert refusal(root).startswith(f"{PLACE}/{MANIFEST}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda manifest: manifest.update(extra=1), "unknown field `extra`"),
        (lambda manifest: manifest["files"][ONNX].update(url="x"), "unknown field `url`"),
        (lambda manifest: manifest["files"][ONNX].update(size=2**30), "`int` <= 67108864"),
        (lambda manifest: manifest["files"][ONNX].update(size=-1), "`int` >= 0"),
        (lambda manifest: manifest["files"][ONNX].update(sha256="abc"), "matching regex"),
        (lambda manifest: manifest.pop("seed"), "missing required field `seed`"),
        (lambda manifest: manifest.update(threshold=1), "< 1.0"),
        (lambda manifest: manifest.update(base_rate=1.5), "<= 1.0"),
        (lambda manifest: manifest["calibration"].update(slope=0), "> 0.0"),
        (lambda manifest: manifest["golden"].update(rows=[]), "length >= 1"),
        (lambda manifest: manifest["domain"].update(limit=0), "> 0.0"),
        (lambda manifest: manifest["domain"].update(fields=[]), "length >= 1"),
        (lambda manifest: manifest["domain"]["centre"].pop(), "must fit the fields"),
        (lambda manifest: manifest["domain"]["precision"][0].pop(), "must fit the fields"),
        (lambda manifest: manifest["domain"]["logarithmic"].append(False), "must fit the fields"),
        (lambda manifest: manifest.pop("edges"), "missing required field `edges`"),
        (lambda manifest: manifest.update(edges={"colour": [1.0]}), "required, used, edges, typical or domain"),
        (lambda manifest: manifest["edges"].update(age=[]), "length >= 1"),
        (lambda manifest: manifest["edges"].update(age=[1.0, 1.0]), "edges must ascend"),
        (lambda manifest: manifest["edges"].update(age=[1e39]), "< 3.40"),
        (lambda manifest: manifest["edges"].update(age=[-1e39]), "> -3.40"),
        (lambda manifest: manifest.update(used=["age"]), "be of variables that are used"),
        (lambda manifest: manifest.pop("required"), "missing required field `required`"),
        (lambda manifest: manifest.pop("domain"), "missing required field `domain`"),
        (lambda manifest: manifest["golden"]["probabilities"][0].pop(), "length >= 3"),
        (lambda manifest: manifest["members"].pop(), "length >= 3"),
        (lambda manifest: manifest["members"].reverse(), "members must be decision_tree, random_forest"),
        (lambda manifest: manifest["files"].pop(JOBLIB), "says nothing of members.joblib"),
        (lambda manifest: [manifest["files"].pop(file) for file in FILES], f"says nothing of {', '.join(FILES)}"),
    ],
)
def test_a_manifest_that_states_what_cannot_be_is_refused(root: Path, folder: Path, change: Change, told: str) -> None:
    change_manifest(folder, change)
    message = refusal(root)
    assert message.startswith(f"{PLACE}/{MANIFEST}")
    assert told in message


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(fingerprint="sha256:" + "0" * 64),
        lambda manifest: manifest["variables"].reverse(),
        lambda manifest: manifest["variables"].pop(),
        lambda manifest: manifest["variables"][0].update(name="colour"),
    ],
    ids=["fingerprint", "order", "number", "name"],
)
def test_variables_declared_otherwise_are_refused(root: Path, folder: Path, change: Change) -> None:
    change_manifest(folder, change)
    assert "trained under another declaration of the variables" in refusal(root)


@pytest.mark.parametrize(
    "change",
    [
        lambda golden: golden["rows"].pop(),
        lambda golden: golden["risks"].pop(),
        lambda golden: golden["probabilities"].pop(),
        lambda golden: golden["rows"][0].pop(),
        lambda golden: [row.append(0) for row in golden["rows"]],
    ],
    ids=["rows", "risks", "probabilities", "one column", "all columns"],
)
def test_golden_rows_of_another_shape_are_refused(root: Path, folder: Path, change: Change) -> None:
    change_manifest(folder, lambda manifest: change(manifest["golden"]))
    assert "the golden rows do not fit the variables" in refusal(root)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b'"\xff"', b"[" * 99_999], ids=lambda content: ascii(content[:9])
)
def test_a_report_that_is_not_one_is_refused_even_with_the_right_digest(
    root: Path, folder: Path, content: bytes
) -> None:
    replace_file(folder, REPORT, content)
    assert refusal(root).startswith(f"{PLACE}/{REPORT}: ")


def test_the_checks_run_from_the_path_to_the_content(root: Path, folder: Path, tmp_path: Path) -> None:
    """Everything is wrong at once; each repair brings the next fault to light."""
    good = json.loads((folder / MANIFEST).read_bytes())
    report = (folder / REPORT).read_bytes()
    replace_file(folder, REPORT, b"{}")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest |= {"format": 1, "extra": 1, "name": "other", "fingerprint": "sha256:" + "0" * 64}
    manifest["files"][ONNX] = {"size": 1, "sha256": "0" * 64}
    manifest["golden"]["rows"].pop()
    (root / NAME).rename(tmp_path / "elsewhere")
    (root / NAME).symlink_to(tmp_path / "elsewhere")

    def told(**repairs: object) -> str:
        manifest.update(repairs)
        (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")
        return refusal(root)

    assert "symbolic link" in told()
    (root / NAME).unlink()
    (tmp_path / "elsewhere").rename(root / NAME)
    assert "is of format 1" in told()
    assert "unknown field `extra`" in told(format=FORMAT)
    del manifest["extra"]
    assert "belongs to another folder" in told()
    assert "the manifest says 1;" in told(name=NAME)
    files = {**manifest["files"], ONNX: {**good["files"][ONNX], "sha256": "0" * 64}}
    assert "SHA-256" in told(files=files)
    assert "another declaration" in told(files={**files, ONNX: good["files"][ONNX]})
    assert "golden rows" in told(fingerprint=good["fingerprint"])
    assert REPORT in told(golden=good["golden"])
    replace_file(folder, REPORT, report)
    assert read_bundle(root, NAME, VERSION).manifest.name == NAME


class Malicious:
    """A pickle that creates a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return Path.touch, (self.marker,)


def test_the_pickled_members_are_compared_and_never_loaded(root: Path, folder: Path, tmp_path: Path) -> None:
    content = pickle.dumps(Malicious(tmp_path / "marker"))
    replace_file(folder, JOBLIB, content)
    Model(read_bundle(root, NAME, VERSION))
    assert not (tmp_path / "marker").exists()
    pickle.loads(content)  # noqa: S301 - shows that the file would have acted
    assert (tmp_path / "marker").exists()


def test_served_toml_names_the_version_of_each_model(root: Path) -> None:
    (root / SERVED).write_text('followup = "2"\nbedside = "1"\n')
    assert read_served(root) == {"followup": "2", "bedside": "1"}


@pytest.mark.parametrize("content", [b"bedside", b"bedside = 1", b"[bedside]\nversion = '1'", b"bedside = '\xff'"])
def test_a_served_toml_of_another_shape_is_refused_with_an_example(root: Path, content: bytes) -> None:
    (root / SERVED).write_bytes(content)
    with pytest.raises(BundleError, match=r'it holds one line a model, such as bedside = "1"$') as caught:
        read_served(root)
    assert str(caught.value).startswith(f"{SERVED}: ")


def test_a_served_toml_that_is_not_there_is_named(root: Path) -> None:
    with pytest.raises(BundleError) as caught:
        read_served(root)
    assert str(caught.value).startswith(f"{SERVED}: ")


def test_every_bundle_is_listed_and_nothing_unfinished(root: Path, folder: Path) -> None:
    shutil.copytree(folder, root / NAME / "10")
    shutil.copytree(folder, root / NAME / ".unfinished-x")
    shutil.copytree(folder, root / "another" / VERSION)
    (root / NAME / "3").mkdir()
    assert list_bundles(root) == [("another", VERSION), (NAME, VERSION), (NAME, "10")]
    assert list_bundles(root / "absent") == []

import json
import shutil
from pathlib import Path

import pytest

from heartapp.errors import BundleError
from heartapp.inference.bundle import MANIFEST, REPORT, SERVED, read_bundle
from heartapp.inference.served import HISTORY, Pin, promote, read_history, read_pins, read_served, rollback
from heartapp.inference.writing import write_bundle
from tests.inference.test_writing import as_version

NAME = "bedside"


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    """The shipped models, and the bedside one once more as versions 10 and 11; the history is empty."""
    root = shutil.copytree(models, tmp_path / "models", ignore=shutil.ignore_patterns(HISTORY))
    for version in ("10", "11"):
        add_version(root, version)
    return root


def add_version(root: Path, version: str, **changed: bytes) -> None:
    manifest, files = as_version(version, root / NAME / read_served(root)[NAME])
    write_bundle(root, manifest, {**files, **changed})


def test_the_shipped_served_toml_states_the_digest_of_each_bundle(models: Path) -> None:
    for name, pin in read_pins(models).items():
        assert read_bundle(models, name, pin.version).digest == pin.digest


def test_a_pin_is_read_as_it_is_written() -> None:
    for text, pin in (("2", Pin("2")), ("2@sha256:ab", Pin("2", "sha256:ab"))):
        assert (Pin.parse(text), str(pin)) == (pin, text)


def test_a_changed_byte_of_a_pinned_manifest_is_refused(root: Path) -> None:
    pin = read_pins(root)[NAME]
    path = root / NAME / pin.version / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"threshold": 0.35', b'"threshold": 0.36'))
    assert read_bundle(root, NAME, pin.version).manifest.threshold == 0.36
    with pytest.raises(BundleError, match=rf"^{NAME}/{pin.version}/{MANIFEST}: its SHA-256 is [0-9a-f]{{64}}, which"):
        read_bundle(root, NAME, *pin)


def test_promoting_serves_a_version_with_its_digest_and_keeps_a_history(root: Path) -> None:
    before = read_pins(root)
    changes = [promote(root, NAME, "10"), promote(root, NAME, "11")]
    digest = read_bundle(root, NAME, "11").digest
    assert read_pins(root) == {**before, NAME: Pin("11", digest)}
    assert read_history(root) == changes
    assert [change.previous for change in changes] == [str(before[NAME]), f"10@{changes[0].digest}"]
    assert changes[1].by
    assert changes[1].time.endswith("+00:00")


def test_rolling_back_goes_back_one_version_at_a_time(root: Path) -> None:
    first = read_pins(root)
    promote(root, NAME, "10")
    promote(root, NAME, "11")
    assert [rollback(root, NAME).version for _ in range(2)] == ["10", first[NAME].version]
    assert read_pins(root) == first
    for name in (NAME, "followup"):
        with pytest.raises(BundleError, match=f"^{HISTORY} holds no earlier version of {name}"):
            rollback(root, name)


def test_the_first_version_in_a_folder_can_be_promoted_and_not_rolled_back(root: Path) -> None:
    (root / SERVED).unlink()
    assert promote(root, NAME, "10").previous == ""
    with pytest.raises(BundleError, match="no earlier version"):
        rollback(root, NAME)


def test_promoting_what_is_served_leaves_no_line(root: Path) -> None:
    promote(root, NAME, "10")
    promote(root, NAME, "10")
    assert len(read_history(root)) == 1
    assert rollback(root, NAME).previous.startswith("10@")


def test_a_user_without_a_name_is_noted_by_number(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", fail)
    assert promote(root, NAME, "10").by.isdecimal()


def test_rolling_back_refuses_a_bundle_that_changed_since(root: Path) -> None:
    promote(root, NAME, "10")
    promote(root, NAME, "11")
    path = root / NAME / "10" / MANIFEST
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(BundleError, match=rf"^{NAME}/10/{MANIFEST}: its SHA-256"):
        rollback(root, NAME)
    assert read_served(root)[NAME] == "11"


def test_a_bundle_that_is_damaged_or_was_not_evaluated_is_not_promoted(root: Path) -> None:
    before = (root / SERVED).read_bytes()
    report = json.loads((root / NAME / "10" / REPORT).read_bytes())
    add_version(root, "12", **{REPORT: json.dumps({**report, "evaluation": None}).encode()})
    (root / NAME / "10" / REPORT).write_bytes(b"{}")
    with pytest.raises(BundleError, match=rf"^{NAME}/10/{REPORT}: "):
        promote(root, NAME, "10")
    with pytest.raises(BundleError, match=rf"^{NAME}/12 was not evaluated"):
        promote(root, NAME, "12")
    assert (root / SERVED).read_bytes() == before
    assert not (root / HISTORY).exists()
    assert promote(root, NAME, "12", anyway=True).version == "12"


def test_a_damaged_history_is_named(root: Path) -> None:
    (root / HISTORY).write_text("no JSON\n")
    with pytest.raises(BundleError, match=f"^{HISTORY}: "):
        rollback(root, NAME)

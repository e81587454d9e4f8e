import errno
import shutil
from pathlib import Path

import msgspec
import pytest

from heartapp.errors import BundleError
from heartapp.inference.bundle import MANIFEST, ONNX, SERVED, Manifest, list_bundles
from heartapp.inference.served import read_served
from heartapp.inference.writing import next_version, write_bundle


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    """A copy of the shipped models, the bedside one as version 1 alone."""
    folder = tmp_path / "models" / "bedside" / "1"
    shutil.copytree(models / "bedside" / read_served(models)["bedside"], folder)
    (tmp_path / "models" / SERVED).write_text('bedside = "1"\nthird = "4"\n', "utf-8")
    manifest, files = as_version("1", folder)
    shutil.rmtree(folder)
    write_bundle(tmp_path / "models", manifest, files)
    return tmp_path / "models"


def as_version(version: str, folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """A bundle's manifest under another version's number, and its files."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    manifest = msgspec.json.decode(files.pop(MANIFEST), type=Manifest)
    return msgspec.structs.replace(manifest, version=version, files={}), files


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_next_version_is_one_above_the_highest_number(root: Path) -> None:
    assert next_version(root, "bedside") == "2"
    for other in ("9", "notes", "10a", "-3"):
        (root / "bedside" / other).mkdir()
    assert next_version(root, "bedside") == "10"
    assert next_version(root, "followup") == next_version(root / "absent", "bedside") == "1"


def test_a_bundle_is_written_beside_the_others_and_served_as_before(root: Path) -> None:
    before = contents(root / "bedside" / "1")
    manifest, files = as_version("2", root / "bedside" / "1")
    folder = write_bundle(root, manifest, files)
    assert folder == root / "bedside" / "2"
    assert contents(folder).items() >= files.items()
    assert contents(root / "bedside" / "1") == before
    assert read_served(root) == {"bedside": "1", "third": "4"}
    assert folder.stat().st_mode & 0o555 == 0o555
    assert not [path for path in root.rglob(".*") if path.name.startswith(".unfinished")]


def test_a_bundle_that_cannot_be_loaded_is_removed(root: Path) -> None:
    manifest, files = as_version("2", root / "bedside" / "1")
    with pytest.raises(BundleError, match=ONNX):
        write_bundle(root, manifest, {**files, ONNX: files[ONNX][:-1]})
    assert list_bundles(root) == [("bedside", "1")]


def test_a_full_disk_leaves_no_partial_bundle(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_up(path: Path, _: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    before, files = contents(root), as_version("2", root / "bedside" / "1")
    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(root, *files)
    assert contents(root) == before
    assert [path.name for path in (root / "bedside").iterdir()] == ["1"]

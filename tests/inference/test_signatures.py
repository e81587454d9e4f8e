import shutil
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa as RSA  # noqa: N812 - a kind of key

from heartapp.errors import BundleError, ConfigError
from heartapp.inference.bundle import EXTERNAL, SERVED
from heartapp.inference.registry import ModelRegistry
from heartapp.inference.served import promote, read_served, rollback
from heartapp.inference.signatures import SIGNATURE, check_signature, sign
from tests.inference.test_served import add_version

NAME = "bedside"
PEM = serialization.Encoding.PEM


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    """The shipped bedside model alone."""
    root = tmp_path / "models"
    shutil.copytree(models / NAME, root / NAME)
    (root / SERVED).write_text(f'{NAME} = "{read_served(models)[NAME]}"\n')
    return root


def make_key(folder: Path, name: str = "key") -> tuple[Path, Path]:
    """A private key and its public one."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain))
    public.write_bytes(key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_a_signed_bundle_is_served_and_an_unsigned_one_is_not(root: Path, tmp_path: Path) -> None:
    (private, public), (_, other) = make_key(tmp_path), make_key(tmp_path, "other")
    version = read_served(root)[NAME]
    assert f"{SIGNATURE} is not there" in ModelRegistry(root, default=NAME, keys=[public]).faults[NAME]
    assert sign(root, NAME, version, private) == root / NAME / version / SIGNATURE
    assert ModelRegistry(root, default=NAME, keys=[other, public]).faults == {}
    assert ModelRegistry(root, default=NAME, keys=[other]).faults[NAME].startswith(f"{NAME}/{version}/{SIGNATURE} ")
    assert ModelRegistry(root, default=NAME).faults == {}


def test_a_changed_file_breaks_the_signature_and_a_later_test_elsewhere_does_not(root: Path, tmp_path: Path) -> None:
    private, public = make_key(tmp_path)
    version = read_served(root)[NAME]
    sign(root, NAME, version, private)
    (root / NAME / version / EXTERNAL / "later.json").write_text("{}")
    check_signature(root, NAME, version, [public])
    (root / NAME / version / "added.txt").write_text("")
    with pytest.raises(BundleError, match=SIGNATURE):
        check_signature(root, NAME, version, [public])


def test_with_keys_only_signed_and_never_older_versions_are_served(root: Path, tmp_path: Path) -> None:
    private, public = make_key(tmp_path)
    first = read_served(root)[NAME]
    for version in ("10", "11"):
        add_version(root, version)
    for version in (first, "10"):
        sign(root, NAME, version, private)
    registry = ModelRegistry(root, default=NAME, keys=[public])
    assert registry.get().identity.version == first
    with pytest.raises(BundleError, match=SIGNATURE):
        promote(root, NAME, "11", keys=[public])
    promote(root, NAME, "10", keys=[public])
    registry.refresh()
    assert registry.get().identity.version == "10"

    with pytest.raises(BundleError, match="is older than version 10"):
        rollback(root, NAME, keys=[public])
    (root / SERVED).write_text(f'{NAME} = "{first}"\n')
    registry.refresh()
    assert registry.get().identity.version == "10"
    assert "is older than version 10" in registry.refused[NAME]
    assert "is older than version 10" in ModelRegistry(root, default=NAME, keys=[public]).faults[NAME]


def test_the_version_that_is_served_cannot_be_replaced_by_an_older_one(root: Path, tmp_path: Path) -> None:
    private, public = make_key(tmp_path)
    first = read_served(root)[NAME]
    add_version(root, "10")
    for version in (first, "10"):
        sign(root, NAME, version, private)
    (root / SERVED).write_text(f'{NAME} = "10"\n')
    with pytest.raises(BundleError, match="is older than version 10"):
        promote(root, NAME, first, keys=[public])


def test_a_key_that_cannot_be_used_is_named(root: Path, tmp_path: Path) -> None:
    private, public = make_key(tmp_path)
    text = tmp_path / "text.pem"
    text.write_text("no key")
    version = read_served(root)[NAME]
    rsa = tmp_path / "rsa.pem"
    subject = serialization.PublicFormat.SubjectPublicKeyInfo
    rsa.write_bytes(RSA.generate_private_key(65_537, 2_048).public_key().public_bytes(PEM, subject))
    for wrong in (text, tmp_path / "absent.pem", private, rsa):
        with pytest.raises(ConfigError, match=f"^trusted_keys: {wrong} is no public key"):
            check_signature(root, NAME, version, [wrong])
    for wrong in (text, tmp_path / "absent.pem", public):
        with pytest.raises(ConfigError, match=f"^{wrong} is no private key"):
            sign(root, NAME, version, wrong)
    with pytest.raises(BundleError, match="bedside/999 is not a folder"):
        sign(root, NAME, "999", private)
    registry = ModelRegistry(root, default=NAME, keys=[text])
    assert "no public key" in registry.faults[NAME]
    with pytest.raises(ConfigError, match=r"text\.pem"):
        registry.read()


def test_without_the_extra_a_trusted_key_says_what_to_install(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    with pytest.raises(ConfigError, match="pip install model-signing"):
        check_signature(root, NAME, read_served(root)[NAME], [tmp_path / "key.pem"])

"""Signatures of bundles, with OpenSSF's model-signing and elliptic-curve keys of the operator's own; no network.

A signature covers every file of the bundle's folder but itself and ``external/``, which is no part of the bundle.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from heartapp.errors import BundleError, ConfigError
from heartapp.files import as_data_error
from heartapp.inference.bundle import EXTERNAL, find_folder

SIGNATURE: Final = "model.sig"


def sign(root: Path, name: str, version: str, key: Path) -> Path:
    """Sign a bundle with a private key in PEM; gives the signature's file, which replaces an earlier one.

    Raises:
        ImportError: the extra ``sign`` is not installed.
        BundleError: there is no such bundle.
        ConfigError: the key cannot be used.
    """
    from model_signing import signing  # noqa: PLC0415 - from an extra

    folder = root / find_folder(root, name, version)
    try:
        signer = signing.Config().use_elliptic_key_signer(private_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:  # the last one for a key of another kind
        raise ConfigError(f"{key} is no private key on an elliptic curve, as PEM without a password: {error}") from None
    with as_data_error(folder / SIGNATURE):
        signer.set_hashing_config(_hashing(folder)).sign(folder, folder / SIGNATURE)
    return folder / SIGNATURE


def check_signature(root: Path, name: str, version: str, keys: Sequence[Path]) -> None:
    """Check that one of the public keys, in PEM, has signed the bundle as it is.

    Raises:
        BundleError: none has; says what to do.
        ConfigError: a key cannot be used, or the extra ``sign`` is not installed.
    """
    try:
        from model_signing import verifying  # noqa: PLC0415 - from an extra
    except ImportError:
        raise ConfigError("trusted_keys needs the extra sign: pip install model-signing pyopenssl") from None
    folder = root / name / version
    for key in keys:
        try:
            verifier = verifying.Config().use_elliptic_key_verifier(public_key=key)
        except (OSError, ValueError, TypeError, AttributeError) as error:  # the last one for a key of another kind
            raise ConfigError(f"trusted_keys: {key} is no public key on an elliptic curve, as PEM: {error}") from None
        try:
            verifier.set_hashing_config(_hashing(folder)).verify(folder, folder / SIGNATURE)
        except Exception:  # noqa: BLE001, S112 - of many kinds; the next key may fit
            continue
        return
    raise BundleError(
        f"{name}/{version}/{SIGNATURE} is not there, or not of these files and a trusted key; if you trust the bundle, "
        "sign it with `heartapp models sign`"
    )


def _hashing(folder: Path) -> Any:
    from model_signing import hashing  # noqa: PLC0415 - from an extra

    return hashing.Config().set_ignored_paths(paths=[folder / SIGNATURE, folder / EXTERNAL])

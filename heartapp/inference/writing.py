"""Write a bundle under the next version number, complete or not at all."""

import hashlib
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from heartapp.errors import BundleError
from heartapp.inference.bundle import MANIFEST, FileEntry, Manifest, read_bundle
from heartapp.inference.model import Model


def next_version(output: Path, name: str) -> str:
    """One above the highest number in the folder."""
    taken = [int(path.name) for path in (output / name).glob("*") if path.name.isdecimal()]
    return str(max(taken, default=0) + 1)


def write_bundle(output: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Path:
    """Write a bundle, and load it as a server does. It is not served before it is promoted.

    Args:
        output: the folder of bundles.
        manifest: without its ``files``, which are added.
        files: the others, by name.

    Raises:
        BundleError: what was written cannot be loaded.
    """
    name, version = manifest.name, manifest.version
    entries = {file: FileEntry(len(content), hashlib.sha256(content).hexdigest()) for file, content in files.items()}
    files = {**files, MANIFEST: pretty(msgspec.structs.replace(manifest, files=entries))}
    folder = output / name / version
    unfinished = folder.with_name(f".unfinished-{secrets.token_hex(4)}")
    unfinished.mkdir(parents=True)
    try:
        for file, content in files.items():
            (unfinished / file).write_bytes(content)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    try:
        Model(read_bundle(output, name, version))
    except BundleError:
        shutil.rmtree(folder)
        raise
    return folder


def pretty(value: object) -> bytes:
    """JSON for a bundle's file, a line for each value."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"

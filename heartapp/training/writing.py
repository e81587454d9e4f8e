"""Write a bundle under the next version number, complete or not at all, and serve it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from heartapp.errors import BundleError
from heartapp.files import atomic_write
from heartapp.inference.bundle import SERVED, read_bundle, read_served
from heartapp.inference.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping


def next_version(output: Path, name: str) -> str:
    """One above the highest number in the folder."""
    taken = [int(path.name) for path in (output / name).glob("*") if path.name.isdecimal()]
    return str(max(taken, default=0) + 1)


def write_bundle(output: Path, name: str, version: str, files: Mapping[str, bytes]) -> Path:
    """Write a bundle's files, load it as a server does, then name it in ``served.toml``.

    Raises:
        BundleError: what was written cannot be loaded.
    """
    folder = output / name / version
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        for file, content in files.items():
            (unfinished / file).write_bytes(content)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    try:
        Model(read_bundle(output, name, version))
    except BundleError:
        shutil.rmtree(folder)
        raise
    served = {**(read_served(output) if (output / SERVED).exists() else {}), name: version}
    with atomic_write(output / SERVED) as stream:
        stream.write("".join(f'{one} = "{number}"\n' for one, number in sorted(served.items())).encode())
    return folder

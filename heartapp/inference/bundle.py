"""A bundle: one version of a model on disk, and the checks that make it safe to load.

``models/<name>/<version>/`` holds ``manifest.json``, ``model.onnx`` (served), ``report.json``, ``MODEL_CARD.md``,
``members.joblib`` (the fitted estimators) and, where the model has them, ``refits.npz`` (bootstrap refits) and
``survival.json`` (a survival curve). The manifest states size and SHA-256 of the others. Each file is read once, and
the very bytes whose digest was compared are the ones that are parsed. ``members.joblib`` is a pickle: its bytes are
compared and never loaded here.

What is wrong is told with the file's place in the folder of bundles, such as ``bedside/1/model.onnx``: the rest of the
path is the machine's own affair.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, fingerprint
from heartapp.errors import BundleError
from heartapp.inference.cautions import Domain, Seen
from heartapp.inference.refits import Refits, Trees
from heartapp.inference.report import Report
from heartapp.inference.survival import SURVIVAL, SurvivalParameters, read_survival

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 2
MEMBERS: Final = ("decision_tree", "random_forest", "gradient_boosting")
MANIFEST: Final = "manifest.json"
ONNX: Final = "model.onnx"
REPORT: Final = "report.json"
JOBLIB: Final = "members.joblib"
REFITS: Final = "refits.npz"
CARD: Final = "MODEL_CARD.md"
SERVED: Final = "served.toml"
FILES: Final = (ONNX, REPORT, JOBLIB, CARD)
"""What every bundle holds beside its manifest."""
OPTIONAL_FILES: Final = (REFITS, SURVIVAL)
"""What a bundle may hold: without it, it cannot tell how sure it is, or has no survival curve."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
# O_NOFOLLOW closes the gap between the look for a link and the opening; O_NONBLOCK, so that a named pipe is refused and
# not waited for. Windows has neither.
_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_MAX_BYTES: Final = 64 * 1024 * 1024
_LARGEST: Final = float(np.finfo(np.float32).max)
_REMEDY: Final = "restore the folder from where it came, or train it anew with `heartapp train`"

Probability = Annotated[float, Meta(ge=0, le=1)]
Edge = Annotated[float, Meta(gt=-_LARGEST, lt=_LARGEST)]
Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the manifest states of another file of the bundle."""

    size: Annotated[int, Meta(ge=0, le=_MAX_BYTES)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Platt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The calibration's two numbers; a slope of 0 or less would turn the order of patients round."""

    slope: Annotated[float, Meta(gt=0)]
    intercept: float


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Generated rows and what the model answered when it was made; no row is a patient's."""

    rows: Annotated[list[list[float]], Meta(min_length=1)]
    probabilities: list[Annotated[list[Probability], Meta(min_length=3, max_length=3)]]
    risks: list[Probability]


class TrainingData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which table the model learned from: digest of its canonical form, rows, deaths."""

    digest: Digest
    patients: Annotated[int, Meta(ge=1)]
    deaths: Annotated[int, Meta(ge=0)]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``manifest.json``.

    Of ``variables``, the members cannot do without those ``required``, and split on those ``used`` at the ``edges``:
    the smallest single-precision values on the far side. ``typical`` is the typical patient, and ``domain`` tells which
    combinations of values the cohort held.
    """

    format: int
    name: str
    version: str
    created: str
    seed: int
    files: dict[str, FileEntry]
    variables: Annotated[list[Seen], Meta(min_length=1)]
    required: list[str]
    used: list[str]
    edges: dict[str, Annotated[list[Edge], Meta(min_length=1)]]
    typical: list[float]
    domain: Domain
    fingerprint: Digest
    members: Annotated[list[str], Meta(min_length=3, max_length=3)]
    calibration: Platt
    threshold: Annotated[float, Meta(gt=0, lt=1)]
    base_rate: Probability
    golden: Golden
    training_data: TrainingData
    libraries: dict[str, str]

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The model's variables, in the order of the ONNX input's columns."""
        return tuple(seen.name for seen in self.variables)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are what its manifest says. ``digest`` is that of the manifest, which pins the rest."""

    manifest: Manifest
    onnx: bytes
    report: Report
    card: bytes
    refits: Refits | None
    survival: SurvivalParameters | None
    digest: str


def read_bundle(root: Path, name: str, version: str) -> Bundle:
    """Read and check ``root/name/version``.

    The order: a path inside the root without symbolic links; a manifest of a known format; size and SHA-256 of every
    file; the fingerprint of the variables. The golden rows are the runtime's to check.

    Raises:
        BundleError: names the file and the remedy.
    """
    folder = _folder(root, name, version)
    place = f"{folder}/{MANIFEST}"
    manifest_bytes = _read(root, place)
    manifest = _parse_manifest(manifest_bytes, place)
    _check_identity(manifest, name, version, place)
    contents = {file: _read_checked(root, f"{folder}/{file}", entry) for file, entry in manifest.files.items()}
    _check_variables(manifest, place)
    try:
        report = msgspec.json.decode(contents[REPORT], type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{folder}/{REPORT}: {error}; {_REMEDY}") from None
    return Bundle(
        manifest=manifest,
        onnx=contents[ONNX],
        report=report,
        card=contents[CARD],
        refits=Refits(Trees.from_bytes(contents[REFITS])) if REFITS in contents else None,
        survival=read_survival(contents[SURVIVAL], manifest.variable_names) if SURVIVAL in contents else None,
        digest="sha256:" + hashlib.sha256(manifest_bytes).hexdigest(),
    )


def read_served(root: Path) -> dict[str, str]:
    """Which version of each model is served, by name, from ``served.toml``.

    Raises:
        BundleError: the file is missing or not a table of name = "version".
    """
    try:
        table = tomllib.loads(_read(root, SERVED).decode("utf-8"))
        return msgspec.convert(table, dict[str, str])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BundleError(f'{SERVED}: {error}; it holds one line a model, such as bedside = "1"') from None


def list_bundles(root: Path) -> list[tuple[str, str]]:
    """Name and version of every folder under ``root`` that holds a manifest, sorted."""
    return sorted((path.parents[1].name, path.parent.name) for path in root.glob(f"*/[!.]*/{MANIFEST}"))


def _folder(root: Path, name: str, version: str) -> str:
    """The place of a bundle within the root, once it is safe to read there."""
    for part in (name, version):
        if not _NAME.fullmatch(part):
            raise BundleError(
                f"{part[:64]!a} is no name for a bundle's folder: use a-z, 0-9, '.', '_', '-'; correct {SERVED} or "
                "the setting `served`"
            )
    folder = f"{name}/{version}"
    for place in (name, folder):
        if (root / place).is_symlink():
            raise BundleError(f"{place} is a symbolic link, which a bundle must not be; copy the folder instead")
    if not (root / folder).is_dir():
        raise BundleError(f"{folder} is not a folder; {_REMEDY}, or correct {SERVED} or the setting `served`")
    return folder


def _read(root: Path, place: str, expected: int | None = None) -> bytes:
    """The bytes of a regular file, not by way of a symbolic link; ``expected`` is its size where known."""
    path = root / place
    if path.is_symlink():
        raise BundleError(f"{place} is a symbolic link, which a bundle must not hold; copy the file instead")
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _FLAGS)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
                raise BundleError(f"{place} is not a file of at most {_MAX_BYTES} bytes; {_REMEDY}")
            if expected is not None and status.st_size != expected:
                raise BundleError(f"{place} has {status.st_size} bytes, the manifest says {expected}; {_REMEDY}")
            return file.read(status.st_size)
    except OSError as error:
        raise BundleError(f"{place}: {error.strerror}; {_REMEDY}") from None


def _read_checked(root: Path, place: str, entry: FileEntry) -> bytes:
    content = _read(root, place, entry.size)
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise BundleError(f"{place} does not have the SHA-256 that the manifest states; {_REMEDY}")
    return content


def _parse_manifest(content: bytes, place: str) -> Manifest:
    try:
        stated = msgspec.json.decode(content, type=dict[str, object]).get("format")
        if stated != FORMAT:
            raise BundleError(
                f"{place} is of format {stated if isinstance(stated, int) else 'unknown'}, this heartapp reads "
                f"format {FORMAT}; use a heartapp of that format, or train the model anew"
            )
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{place}: {error}; {_REMEDY}") from None


def _check_identity(manifest: Manifest, name: str, version: str, place: str) -> None:
    if name not in MODEL_VARIABLES:
        raise BundleError(f"{place}: no model of this heartapp is called {name}; known: {', '.join(MODEL_VARIABLES)}")
    if (manifest.name, manifest.version) != (name, version):
        raise BundleError(f"{place} belongs to another folder than {name}/{version}; {_REMEDY}")
    if missing := [file for file in FILES if file not in manifest.files]:
        raise BundleError(f"{place} says nothing of {', '.join(missing)}; {_REMEDY}")
    if set(manifest.files) - {*FILES, *OPTIONAL_FILES}:
        raise BundleError(f"{place} names files that no bundle holds; {_REMEDY}")
    if tuple(manifest.members) != MEMBERS:
        raise BundleError(f"{place}: members must be {', '.join(MEMBERS)}; {_REMEDY}")


def _check_variables(manifest: Manifest, place: str) -> None:
    unknown = [name for name in manifest.variable_names if name not in BY_NAME]
    if unknown or manifest.fingerprint != fingerprint(manifest.variable_names):
        raise BundleError(
            f"{place}: the model was trained under another declaration of the variables (names, units, limits) than "
            "this heartapp has; train it anew, or use the heartapp it was trained with"
        )
    names = set(manifest.variable_names)
    named = {*manifest.required, *manifest.used, *manifest.edges, *manifest.domain.fields}
    if not named <= names or len(manifest.typical) != len(names):
        raise BundleError(f"{place}: required, used, edges, typical or domain do not fit the variables; {_REMEDY}")
    if any(sorted({*one}) != one for one in manifest.edges.values()) or not {*manifest.edges} <= {*manifest.used}:
        raise BundleError(f"{place}: edges must ascend and be of variables that are used; {_REMEDY}")
    golden = manifest.golden
    columns = {len(row) for row in golden.rows}
    if columns != {len(manifest.variables)} or not len(golden.rows) == len(golden.probabilities) == len(golden.risks):
        raise BundleError(f"{place}: the golden rows do not fit the variables; {_REMEDY}")

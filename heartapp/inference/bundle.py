"""A bundle: one version of a model on disk, and the checks that make it safe to load.

``models/<name>/<version>/`` holds ``manifest.json``, ``model.onnx`` (served), ``report.json``, ``MODEL_CARD.md``,
``members.joblib`` (the fitted estimators) and, where the model has it, ``refits.npz`` (risks of bootstrap refits). The
manifest states size and SHA-256 of the others. Each file is read once, and the bytes whose digest was compared are the
bytes that are parsed. ``members.joblib`` is a pickle: its bytes are compared and never loaded here.

Every fault is a `BundleError` that names the file within the folder of bundles, such as ``bedside/1/model.onnx``. The
rest of the path is not shown, because the message may reach a client.
"""

import hashlib
import logging
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from heartapp.clinical.variables import BY_NAME, MODEL_VARIABLES, fingerprint
from heartapp.errors import BundleError
from heartapp.inference.curve import FIRST_DAY, LAST_DAY, Curve
from heartapp.inference.refits import RefitTable
from heartapp.inference.regression import Regression
from heartapp.inference.report import Estimate, Report
from heartapp.inference.support import Support

logger = logging.getLogger(__name__)

FORMAT: Final = 3
MEMBERS: Final = ("decision_tree", "random_forest", "gradient_boosting")
MANIFEST: Final = "manifest.json"
ONNX: Final = "model.onnx"
REPORT: Final = "report.json"
JOBLIB: Final = "members.joblib"
REFITS: Final = "refits.npz"
CARD: Final = "MODEL_CARD.md"
SERVED: Final = "served.toml"
EXTERNAL: Final = "external"
FILES: Final = (ONNX, REPORT, JOBLIB, CARD)
"""What every bundle holds beside its manifest; it may also hold `REFITS`."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_MAX_BYTES: Final = 64 * 1024 * 1024
_LARGEST: Final = float(np.finfo(np.float32).max)
_REMEDY: Final = "restore the folder from its source, or train the model again with `heartapp train`"

Probability = Annotated[float, Meta(ge=0, le=1)]
Edge = Annotated[float, Meta(gt=-_LARGEST, lt=_LARGEST)]
Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The smallest and largest value of one variable in the training data."""

    name: str
    minimum: float
    maximum: float


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the manifest states of another file of the bundle."""

    size: Annotated[int, Meta(ge=0, le=_MAX_BYTES)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Platt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The calibration's two numbers. A slope of 0 or less would reverse the order of patients."""

    slope: Annotated[float, Meta(gt=0)]
    intercept: float


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Generated rows and the model's answers when it was made; no row belongs to a patient."""

    rows: Annotated[list[list[float]], Meta(min_length=1)]
    probabilities: list[Annotated[list[Probability], Meta(min_length=3, max_length=3)]]
    risks: list[Probability]


class TrainingData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The training table: digest of its canonical form, rows, deaths."""

    digest: Digest
    patients: Annotated[int, Meta(ge=1)]
    deaths: Annotated[int, Meta(ge=0)]


class Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model was updated on, by `heartapp update`: its parent's version and digest, and the patients.

    ``table`` is the digest of their table's values and ``source`` its file's name; ``events`` are deaths. ``before``
    has the parent's figures for them, ``after`` those of the update, corrected for optimism by bootstrap.
    """

    parent_version: str
    parent: Digest
    source: str
    table: Digest
    outcome: str
    method: Literal["intercept", "recalibrate", "refit"]
    patients: Annotated[int, Meta(ge=1)]
    events: Annotated[int, Meta(ge=0)]
    before: dict[str, Estimate]
    after: dict[str, Estimate]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``manifest.json``.

    ``required`` names the variables that must not be missing and ``used`` those that the members split on. ``edges``
    are the smallest single-precision values on the far side of each split. ``typical`` is the typical patient.
    ``horizon`` is the day by which the risk is, and ``curve`` leads to it; both are None for an undated risk.
    ``support`` counts near training patients, over the variables in ``used``. ``regression`` competes with
    the members. ``updated`` is None for a trained model.
    """

    format: int
    name: str
    version: str
    seed: int
    files: dict[str, FileEntry]
    variables: Annotated[list[Seen], Meta(min_length=1)]
    required: list[str]
    used: list[str]
    edges: dict[str, Annotated[list[Edge], Meta(min_length=1)]]
    typical: list[float]
    horizon: Annotated[int, Meta(ge=FIRST_DAY, le=LAST_DAY)] | None
    curve: Curve | None
    support: Support | None
    fingerprint: Digest
    members: Annotated[list[str], Meta(min_length=3, max_length=3)]
    calibration: Platt
    threshold: Annotated[float, Meta(gt=0, lt=1)]
    base_rate: Probability
    golden: Golden
    training_data: TrainingData
    libraries: dict[str, str]
    regression: Regression | None = None
    updated: Update | None = None

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The model's variables, in the order of the ONNX input's columns."""
        return tuple(seen.name for seen in self.variables)


class Discrimination(msgspec.Struct, frozen=True):
    """How well patients are ordered."""

    auc: Estimate


class Fit(msgspec.Struct, frozen=True):
    """How far risks are from what happened."""

    observed_expected: Estimate
    slope: Estimate


class ValidatedModel(msgspec.Struct, frozen=True):
    """Which model was validated."""

    digest: str


class Validated(msgspec.Struct, frozen=True):
    """The parts of a validation's result that are shown; `heartapp.validation.result` has all of it."""

    model: ValidatedModel
    patients: int
    events: int
    discrimination: Discrimination
    calibration: Fit
    verdict: str


class External(msgspec.Struct, frozen=True):
    """How the model did on another cohort, as ``external/*.json`` has it; see ``docs/validation.md``."""

    cohort: str
    source: Annotated[str, Meta(pattern="^https://")]
    outcome: str
    result: Validated


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are what its manifest says. ``digest`` is that of the manifest, which pins the rest.

    ``external`` are tests of this very bundle on other cohorts. They came later: the manifest does not list them.
    """

    manifest: Manifest
    onnx: bytes
    report: Report
    card: str
    refits: RefitTable | None
    digest: str
    external: tuple[External, ...] = ()

    @property
    def place(self) -> str:
        """The folder within that of all bundles, such as ``bedside/1``."""
        return f"{self.manifest.name}/{self.manifest.version}"


@contextmanager
def as_bundle_error(place: str) -> Iterator[None]:
    """Raise whatever goes wrong inside as a `BundleError` in one line: the place, the reason, the remedy."""
    try:
        yield
    except BundleError:
        raise
    except Exception as error:  # the parsers of damaged files raise classes without a common base
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise BundleError(f"{place}: {reason or type(error).__name__}; {_REMEDY}") from error


def read_bundle(root: Path, name: str, version: str, digest: str | None = None) -> Bundle:
    """Read and check ``root/name/version``; where a ``digest`` is given, its manifest must have it.

    The order: a path inside the root without symbolic links; the manifest; size and SHA-256 of every file; the content
    of the files. `Model` checks the golden rows.

    Raises:
        BundleError: names the file and the remedy.
    """
    folder = find_folder(root, name, version)
    with as_bundle_error(f"{folder}/{MANIFEST}"):
        content = read_file(root, f"{folder}/{MANIFEST}")
        found = "sha256:" + hashlib.sha256(content).hexdigest()
        if digest not in {None, found}:
            raise ValueError(f"its SHA-256 is {found[7:]}, which {SERVED} or the setting `served` does not state")
        manifest = _parse_manifest(content)
        _check_identity(manifest, name, version)
        _check_variables(manifest)
    files = {file: read_file(root, f"{folder}/{file}", entry) for file, entry in manifest.files.items()}
    with as_bundle_error(f"{folder}/{REPORT}"):
        report = msgspec.json.decode(files[REPORT], type=Report)
    with as_bundle_error(f"{folder}/{CARD}"):
        card = files[CARD].decode()
    with as_bundle_error(f"{folder}/{REFITS}"):
        refits = _read_refits(files[REFITS]) if REFITS in files else None
        if refits and [*refits.columns] != manifest.used:
            raise ValueError("its grid is of other variables than the model uses")
    external = tuple(one for one in _read_external(root, folder) if one.result.model.digest == found)
    return Bundle(manifest, files[ONNX], report, card, refits, found, external)


def _read_external(root: Path, folder: str) -> Iterator[External]:
    for path in sorted((root / folder / EXTERNAL).glob("*.json")):
        place = f"{folder}/{EXTERNAL}/{path.name}"
        try:
            yield msgspec.json.decode(read_file(root, place), type=External)
        except (BundleError, msgspec.DecodeError, UnicodeDecodeError) as error:
            # It is no part of the bundle, so the model is served without it.
            logger.warning("%s is ignored: %s", place, error)


@lru_cache(maxsize=1)
def _read_refits(content: bytes) -> RefitTable:
    """The table in memory, tens of megabytes. Kept, so that workers share the one that their parent read."""
    return RefitTable.from_bytes(content)


def list_bundles(root: Path) -> list[tuple[str, str]]:
    """Name and version of every folder under ``root`` that holds a manifest, sorted; version 2 comes before 10."""
    found = [(path.parents[1].name, path.parent.name) for path in root.glob(f"*/[!.]*/{MANIFEST}")]
    return sorted(found, key=lambda one: (one[0], age(one[1])))


def age(version: str) -> tuple[int, str]:
    """Versions in this order are in the order of their numbers."""
    return len(version), version


def find_folder(root: Path, name: str, version: str) -> str:
    """The place of a bundle within the root, once it is safe to read there.

    Raises:
        BundleError: a name is not one of a bundle, or there is no such folder.
    """
    for part in (name, version):
        if not _NAME.fullmatch(part):
            raise BundleError(
                f"{part[:64]!a} is no name for a bundle's folder: use a-z, 0-9, '.', '_', '-'; correct {SERVED} or "
                "the setting `served`"
            )
    folder = f"{name}/{version}"
    with as_bundle_error(folder):
        linked = [place for place in (name, folder, f"{folder}/{EXTERNAL}") if (root / place).is_symlink()]
        there = (root / folder).is_dir()
    if linked:
        raise BundleError(f"{linked[0]} is a symbolic link, which a bundle must not be; copy the folder instead")
    if not there:
        raise BundleError(f"{folder} is not a folder; {_REMEDY}, or correct {SERVED} or the setting `served`")
    return folder


def read_file(root: Path, place: str, entry: FileEntry | None = None) -> bytes:
    """The bytes of a regular file that is not reached by a symbolic link; ``entry`` is what the manifest states."""
    with as_bundle_error(place):
        status = (root / place).lstat()
        if stat.S_ISLNK(status.st_mode):
            raise BundleError(f"{place} is a symbolic link, which a bundle must not hold; copy the file instead")
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise ValueError(f"not a file of at most {_MAX_BYTES} bytes")
        if entry and status.st_size != entry.size:
            raise ValueError(f"{status.st_size} bytes, the manifest says {entry.size}")
        content = (root / place).read_bytes()
        if entry and hashlib.sha256(content).hexdigest() != entry.sha256:
            raise ValueError("its SHA-256 is not the one that the manifest states")
        return content


def _parse_manifest(content: bytes) -> Manifest:
    stated = msgspec.json.decode(content, type=dict[str, object]).get("format")
    if stated != FORMAT:
        stated = stated if isinstance(stated, int) else "unknown"
        raise ValueError(f"format {stated}, this heartapp reads format {FORMAT}; use a heartapp of that format")
    return msgspec.json.decode(content, type=Manifest)


def _check_identity(manifest: Manifest, name: str, version: str) -> None:
    if name not in MODEL_VARIABLES:
        raise ValueError(f"no model of this heartapp is called {name}; known: {', '.join(MODEL_VARIABLES)}")
    if (manifest.name, manifest.version) != (name, version):
        raise ValueError(f"it belongs to another folder than {name}/{version}")
    if missing := [file for file in FILES if file not in manifest.files]:
        raise ValueError(f"{', '.join(missing)} not listed")
    if set(manifest.files) - {*FILES, REFITS}:
        raise ValueError("it lists files that no bundle holds")
    if tuple(manifest.members) != MEMBERS:
        raise ValueError(f"members must be {', '.join(MEMBERS)}")


def _check_variables(manifest: Manifest) -> None:
    names = {*manifest.variable_names}
    if not names <= {*BY_NAME} or manifest.fingerprint != fingerprint(manifest.variable_names):
        raise ValueError(
            "the model was trained with another declaration of the variables (names, kinds, units); use the heartapp "
            "that it was trained with"
        )
    golden = manifest.golden
    widths = {len(row) for row in (manifest.typical, *golden.rows)}
    counts = {len(golden.rows), len(golden.probabilities), len(golden.risks)}
    if not {*manifest.required, *manifest.used} <= names or widths != {len(names)} or len(counts) > 1:
        raise ValueError("required, used, typical or golden do not fit the variables")
    if any(sorted({*one}) != one for one in manifest.edges.values()) or not {*manifest.edges} <= {*manifest.used}:
        raise ValueError("edges must ascend and be of variables that are used")
    if manifest.support and [*manifest.support.axes] != manifest.used:
        raise ValueError("support must be over the variables that are used")
    terms = manifest.regression.terms if manifest.regression else {}
    if not {*terms} <= {*manifest.required} or any(
        sorted({*one.values}) != one.values or len(one.values) != len(one.log_odds) for one in terms.values()
    ):
        raise ValueError("the terms of the regression must be of required variables, and their values ascend")
    if manifest.horizon != (manifest.curve and manifest.curve.horizon):
        raise ValueError("the curve must end at the horizon")

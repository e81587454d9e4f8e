"""Which version of each model is served: ``served.toml``, and the history of its changes.

A line of ``served.toml`` is ``bedside = "2@sha256:…"``: the version, and the digest that its manifest must have. The
digest may be left out; then any valid bundle of that version is served. ``heartapp models promote`` writes both.
"""

import getpass
import os
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from heartapp.errors import BundleError
from heartapp.files import as_data_error, atomic_write
from heartapp.inference.bundle import SERVED, age, read_bundle, read_file
from heartapp.inference.model import Model
from heartapp.inference.signatures import check_signature

HISTORY: Final = "history.jsonl"


class Pin(NamedTuple):
    """A version and the digest of its manifest; None accepts any."""

    version: str
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2@sha256:…`` or ``2``."""
        version, at, digest = text.partition("@")
        return cls(version, digest if at else None)

    def __str__(self) -> str:
        """As `parse` reads it."""
        return self.version if self.digest is None else f"{self.version}@{self.digest}"


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the history: ``version`` took the place of the pin ``previous``, which is empty for the first one."""

    time: str
    by: str
    name: str
    version: str
    digest: str
    previous: str
    rollback: bool = False


def read_pins(root: Path) -> dict[str, Pin]:
    """Which version of each model is served, by name, from ``served.toml``.

    Raises:
        BundleError: the file is missing or not a table of name = "version" or "version@digest".
    """
    try:
        table = msgspec.convert(tomllib.loads(read_file(root, SERVED).decode()), dict[str, str])
    except (ValueError, RecursionError) as error:
        raise BundleError(f'{SERVED}: {error}; it holds one line a model, such as bedside = "1"') from None
    return {name: Pin.parse(text) for name, text in table.items()}


def read_served(root: Path) -> dict[str, str]:
    """The same without digests."""
    return {name: pin.version for name, pin in read_pins(root).items()}


def read_history(root: Path) -> list[Change]:
    """The changes, oldest first.

    Raises:
        BundleError: a line is not one of these.
    """
    if not (root / HISTORY).exists():
        return []
    try:
        return msgspec.json.Decoder(Change).decode_lines(read_file(root, HISTORY))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{HISTORY}: {error}; remove that line, or restore the file from its source") from None


def check_trust(root: Path, name: str, version: str, keys: Sequence[Path], served: str | None = None) -> None:
    """Where there are trusted keys: one of them has signed this bundle, and no newer version was served before.

    Args:
        root: the folder of bundles.
        name: the model.
        version: the version to serve.
        keys: files of public keys; without any, every bundle is trusted.
        served: the version that is served now, where one is.

    Raises:
        BundleError: it is not to be trusted.
        ConfigError: a key cannot be used.
    """
    if not keys:
        return
    check_signature(root, name, version, keys)
    before = [
        version
        for change in read_history(root)
        if change.name == name
        for version in (change.version, Pin.parse(change.previous).version)
    ]
    newest = max([version, *before, *([served] if served else [])], key=age)
    if newest != version:
        raise BundleError(
            f"{name}/{version} is older than version {newest}, which was served before; with trusted_keys set, serve "
            "that one or a newer one"
        )


def promote(root: Path, name: str, version: str, *, keys: Sequence[Path] = (), anyway: bool = False) -> Change:
    """Serve a version: check it as a server does, name it in ``served.toml``, and add a line to the history.

    Args:
        root: the folder of bundles.
        name: the model.
        version: the version to serve; the others stay where they are.
        keys: where there are any, see `check_trust`.
        anyway: accept a bundle whose report has no evaluation.

    Raises:
        BundleError: the bundle is not valid, or has no evaluation; nothing was changed.
        DataError: a file cannot be written.
    """
    model = Model(read_bundle(root, name, version))
    check_trust(root, name, version, keys, _served_version(root, name))
    if not anyway and model.bundle.report.evaluation is None:
        raise BundleError(
            f"{name}/{version} was not evaluated; train it without --skip-report, or promote it with --anyway"
        )
    return _serve(root, model)


def rollback(root: Path, name: str, *, keys: Sequence[Path] = ()) -> Change:
    """Serve the version again that the served one took the place of.

    Raises:
        BundleError: the history knows no earlier version, or its bundle is not valid; nothing was changed. With
            ``keys``, an older version is never served, see `check_trust`.
        DataError: a file cannot be written.
    """
    earlier: list[str] = []
    for change in read_history(root):
        if change.name == name:
            earlier = earlier[:-1] if change.rollback else [*earlier, change.previous]
    if not earlier or not earlier[-1]:
        raise BundleError(f"{HISTORY} holds no earlier version of {name}; promote one by its number")
    pin = Pin.parse(earlier[-1])
    check_trust(root, name, pin.version, keys, _served_version(root, name))
    return _serve(root, Model(read_bundle(root, name, *pin)), rollback=True)


def _served_version(root: Path, name: str) -> str | None:
    return read_served(root).get(name) if (root / SERVED).exists() else None


def _serve(root: Path, model: Model, *, rollback: bool = False) -> Change:
    name, version, digest = msgspec.structs.astuple(model.identity)
    pins = read_pins(root) if (root / SERVED).exists() else {}
    previous = str(pins[name]) if name in pins else ""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    change = Change(now, _user(), name, version, digest, previous, rollback)
    pins[name] = Pin(version, digest)
    if str(pins[name]) == previous:
        return change
    with as_data_error(root / HISTORY), (root / HISTORY).open("ab") as history:
        with atomic_write(root / SERVED) as stream:
            stream.write("".join(f'{one} = "{pin}"\n' for one, pin in sorted(pins.items())).encode())
        history.write(msgspec.json.encode(change) + b"\n")
    return change


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # as in a container, where a number may have no name
        return str(os.getuid())

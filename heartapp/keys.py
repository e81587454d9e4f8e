"""API keys: who may ask, as a file of names with digests of their secrets.

A secret has 256 random bits, so its plain SHA-256 cannot be searched; the secret itself is shown once and never stored.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from heartapp.errors import ConfigError
from heartapp.files import as_data_error, atomic_write

Scope = Literal["predict", "metrics"]

FILE: Final = "instance/keys.json"
_PREFIX: Final = "heartapp_"


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key: ``sha256`` is that of the secret, in hexadecimal; ``created`` is a time in UTC."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scopes: list[Scope]
    created: str


class KeyFile:
    """The keys of a file; it is read again when it was written anew."""

    def __init__(self, path: Path) -> None:
        """Remember where the file is; without one there are no keys."""
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, Key] = {}

    @property
    def keys(self) -> dict[str, Key]:
        """The keys by name.

        Raises:
            ConfigError: the file is damaged.
        """
        try:
            status = self.path.stat()
        except OSError:
            return {}
        stamp = status.st_mtime_ns, status.st_ino
        if stamp != self._stamp:
            try:
                self._keys = msgspec.json.decode(self.path.read_bytes(), type=dict[str, Key])
            except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"{self.path}: {error}; restore it, or remove it and add the keys anew") from None
            self._stamp = stamp
        return self._keys

    def find(self, secret: str, scope: Scope) -> str | None:
        """The name of the key with this secret and scope, compared in constant time."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        found = [
            name for name, key in self.keys.items() if hmac.compare_digest(key.sha256, digest) and scope in key.scopes
        ]
        return found[0] if found else None

    def add(self, name: str, scopes: Sequence[Scope]) -> str:
        """Add a key and give its secret, which cannot be had again.

        Raises:
            ConfigError: there is one of that name, or the file is damaged.
            DataError: the file cannot be written.
        """
        if name in self.keys:
            raise ConfigError(f"there is a key {name}; choose another name, or revoke it first")
        secret = _PREFIX + secrets.token_urlsafe(32)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        digest = hashlib.sha256(secret.encode()).hexdigest()
        self._write({**self.keys, name: Key(digest, [*scopes], created)})
        return secret

    def revoke(self, name: str) -> None:
        """Remove a key; running servers refuse it at once.

        Raises:
            ConfigError: there is none of that name, or the file is damaged.
            DataError: the file cannot be written.
        """
        if name not in self.keys:
            raise ConfigError(f"there is no key {name}; these are there: {', '.join(self.keys) or 'none'}")
        self._write({other: key for other, key in self.keys.items() if other != name})

    def _write(self, keys: dict[str, Key]) -> None:
        with as_data_error(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path) as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(keys)) + b"\n")

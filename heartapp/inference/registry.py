"""The registry: the loaded models of one process, the one service that both blueprints call."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heartapp.errors import BundleError, ModelUnavailableError, UnknownModelError
from heartapp.inference.bundle import SERVED, read_bundle, read_served
from heartapp.inference.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from heartapp.inference.bundle import Bundle

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """Checked bundles, and the reason for each model that has none. Nothing in it minds a fork."""

    bundles: dict[str, Bundle]
    faults: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One process's models, and the reason for each that is not served."""

    pid: int
    models: dict[str, Model]
    faults: dict[str, str]


class ModelRegistry:
    """Loads the configured version of each model, once in each process, and answers for them.

    A server that forks its workers has the bundles read before, so that these share what was read.

    A bundle that fails its checks is not served and no other takes its place; the reason is kept for ``/readyz``. It
    names files from the folder of bundles on; where that folder is, the log alone tells.
    """

    def __init__(self, root: Path, *, default: str, served: Mapping[str, str] | None = None) -> None:
        """Remember where the bundles are; nothing is read yet.

        Args:
            root: the folder of bundles.
            default: the model that answers where none is named.
            served: versions pinned by the operator; the rest is as ``served.toml`` says.
        """
        self.root = root
        self.default = default
        self._pinned = dict(served or {})
        self._lock = threading.Lock()
        self._read: _Read | None = None
        self._loaded: _Loaded | None = None

    def read(self) -> None:
        """Read and check the bundles' files now, without making models of them. A server calls this before it forks."""
        self._read = self._read_bundles()

    def load(self) -> None:
        """Load the models now. A server calls this in each worker, before the first request."""
        self._current()

    @property
    def names(self) -> tuple[str, ...]:
        """The configured models, the default first, whether or not they could be loaded."""
        loaded = self._current()
        return tuple(sorted({*loaded.models, *loaded.faults}, key=lambda name: (name != self.default, name)))

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that are served, the default first."""
        loaded = self._current()
        return tuple(loaded.models[name] for name in self.names if name in loaded.models)

    @property
    def faults(self) -> dict[str, str]:
        """The models that are configured and not served, each with the reason; empty when all is well."""
        return dict(self._current().faults)

    def get(self, name: str | None = None) -> Model:
        """A model by name, or the default one.

        Raises:
            UnknownModelError: no model of that name is configured.
            ModelUnavailableError: its bundle did not pass the checks.
        """
        loaded = self._current()
        name = self.default if name is None else name
        if name in loaded.models:
            return loaded.models[name]
        if name in loaded.faults:
            raise ModelUnavailableError(f"The model {name} is not available; its bundle did not pass the checks.")
        raise UnknownModelError(name, self.names)

    def _current(self) -> _Loaded:
        """This process's models. A forked child must not use its parent's onnxruntime sessions: it makes its own."""
        loaded = self._loaded
        if loaded is not None and loaded.pid == os.getpid():
            return loaded
        with self._lock:
            if self._loaded is None or self._loaded.pid != os.getpid():
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> _Loaded:
        read = self._read or self._read_bundles()
        models: dict[str, Model] = {}
        faults = dict(read.faults)
        for name, bundle in read.bundles.items():
            try:
                models[name] = Model(bundle)
            except BundleError as error:
                faults[name] = str(error)
        for name, reason in faults.items():
            logger.error("model %s is not served: %s (bundles: %s)", name, reason, self.root)
        return _Loaded(os.getpid(), models, faults)

    def _read_bundles(self) -> _Read:
        bundles: dict[str, Bundle] = {}
        faults: dict[str, str] = {}
        try:
            served = {**read_served(self.root), **self._pinned}
        except BundleError as error:
            served = dict(self._pinned)
            if self.default not in served:
                faults[self.default] = str(error)
        for name, version in served.items():
            try:
                bundles[name] = read_bundle(self.root, name, version)
            except BundleError as error:
                faults[name] = str(error)
        if self.default not in bundles and self.default not in faults:
            faults[self.default] = (
                f"the default model {self.default} has no version to serve; name one in {SERVED} or "
                "set HEARTAPP_DEFAULT_MODEL to a model that is there"
            )
        return _Read(bundles, faults)

"""The registry: the loaded models of one process, the one service that both blueprints call."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from heartapp.errors import BundleError, ModelUnavailableError, UnknownModelError
from heartapp.inference.bundle import SERVED, read_bundle, read_served
from heartapp.inference.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

logger = logging.getLogger(__name__)


class ModelRegistry:
    """Loads the configured version of each model once.

    A bundle that fails its checks is not served, and no other version takes its place. ``/readyz`` shows the reason,
    which names files within the folder of bundles. The log also names that folder.
    """

    def __init__(self, root: Path, *, default: str, served: Mapping[str, str] | None = None) -> None:
        """Remember where the bundles are; nothing is read yet.

        Args:
            root: the folder of bundles.
            default: the model that answers if a request names none.
            served: the versions that the operator set; ``served.toml`` says the others.
        """
        self.root = root
        self.default = default
        self._pinned = dict(served or {})

    def read(self) -> None:
        """Read the bundles without opening their graphs, so that workers which are forked later share the tables."""
        for name, version in self._versions()[0].items():
            with suppress(BundleError):  # `load` says which
                read_bundle(self.root, name, version)

    def load(self) -> None:
        """Load the models now. A server does this in each worker: onnxruntime's threads do not survive a fork."""
        _ = self._loaded

    @property
    def names(self) -> tuple[str, ...]:
        """The configured models, the default first, whether or not they could be loaded."""
        models, faults = self._loaded
        return tuple(sorted({*models, *faults}, key=lambda name: (name != self.default, name)))

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that are served, the default first."""
        models, _ = self._loaded
        return tuple(models[name] for name in self.names if name in models)

    @property
    def faults(self) -> dict[str, str]:
        """The configured models that are not served, each with the reason."""
        return dict(self._loaded[1])

    def get(self, name: str | None = None) -> Model:
        """A model by name, or the default one.

        Raises:
            UnknownModelError: no model of that name is configured.
            ModelUnavailableError: its bundle did not pass the checks.
        """
        models, faults = self._loaded
        name = self.default if name is None else name
        if name in models:
            return models[name]
        if name in faults:
            raise ModelUnavailableError(f"The model {name} is not available; its bundle did not pass the checks.")
        raise UnknownModelError(name, self.names)

    @cached_property
    def _loaded(self) -> tuple[dict[str, Model], dict[str, str]]:
        """The models, and the reason for each that could not be loaded."""
        models: dict[str, Model] = {}
        versions, faults = self._versions()
        for name, version in versions.items():
            try:
                models[name] = Model(read_bundle(self.root, name, version))
            except BundleError as error:
                faults[name] = str(error)
        if self.default not in models and self.default not in faults:
            faults[self.default] = (
                f"the default model {self.default} has no version to serve; name one in {SERVED} or "
                "set HEARTAPP_DEFAULT_MODEL to a model that is there"
            )
        for name, reason in faults.items():
            logger.error("model %s is not served: %s (bundles: %s)", name, reason, self.root)
        return models, faults

    def _versions(self) -> tuple[dict[str, str], dict[str, str]]:
        """The version of each model to serve, and the default model's fault if none can be found for it."""
        try:
            return {**read_served(self.root), **self._pinned}, {}
        except BundleError as error:
            return self._pinned, {} if self.default in self._pinned else {self.default: str(error)}

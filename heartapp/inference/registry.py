"""The registry: the loaded models of one process, the one service that all blueprints call."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final, NamedTuple

from blinker import Signal

from heartapp.errors import BundleError, ConfigError, ModelUnavailableError, UnknownModelError
from heartapp.inference.bundle import SERVED, Bundle, read_bundle
from heartapp.inference.model import Model
from heartapp.inference.served import Pin, check_trust, read_pins

logger = logging.getLogger(__name__)

FOLLOW_SECONDS: Final = 1.0
"""How often a server looks whether ``served.toml`` has changed."""


class _State(NamedTuple):
    """What is served at one moment; a change makes a new one.

    ``faults`` has the reason for each configured model that is not served, ``refused`` for each version that was
    promoted and is not served, while an earlier one is.
    """

    models: dict[str, Model]
    faults: dict[str, str]
    refused: dict[str, str]
    stamp: tuple[int, ...]


class ModelRegistry:
    """Loads the configured version of each model, and another one when ``served.toml`` names it.

    A bundle that fails its checks is not served, and no other version takes its place: a version that is served
    already goes on. ``/readyz`` shows the reason, which names files within the folder of bundles. The log also names
    that folder. ``swapped`` is sent with the name of a model and the outcome of its promotion, served or refused.
    """

    def __init__(
        self, root: Path, *, default: str, served: Mapping[str, str] | None = None, keys: Sequence[Path] = ()
    ) -> None:
        """Remember where the bundles are; nothing is read yet.

        Args:
            root: the folder of bundles.
            default: the model that answers if a request names none.
            served: the versions that the operator set; ``served.toml`` says the others.
            keys: files of public keys; where there are any, only bundles that one of them signed are served.
        """
        self.root = root
        self.default = default
        self._set = {name: Pin.parse(text) for name, text in (served or {}).items()}
        self._keys = keys
        self._state: _State | None = None
        self.swapped = Signal()

    def read(self) -> None:
        """Read the bundles without opening their graphs, so that workers which are forked later share the tables.

        Raises:
            ConfigError: a trusted key cannot be used.
        """
        with suppress(BundleError):  # `load` says which
            for name, pin in self._pins().items():
                with suppress(BundleError):
                    self._read(name, pin)

    def load(self) -> None:
        """Load the models now. A server does this in each worker: onnxruntime's threads do not survive a fork."""
        _ = self._loaded

    def follow(self, stop: Event | None = None, *, seconds: float = FOLLOW_SECONDS) -> Thread:
        """Start a thread that calls `refresh` again and again, until ``stop`` is set."""
        stop = stop or Event()

        def watch() -> None:
            while not stop.wait(seconds):
                try:
                    self.refresh()
                except Exception:  # the next promotion may still succeed
                    logger.exception("served.toml could not be followed (bundles: %s)", self.root)

        thread = Thread(target=watch, name="follow served.toml", daemon=True)
        thread.start()
        return thread

    def refresh(self) -> None:
        """Load what ``served.toml`` names since it was written anew, beside what is served, and then serve it.

        Requests under way keep the model that they have. If a version cannot be served, the earlier one stays.
        """
        if self._stamp() == self._loaded.stamp:
            return
        served = self._loaded.models
        self._state = self._load(served)
        for name in [name for name, model in self._state.models.items() if model is not served.get(name)]:
            self.swapped.send(self, name=name, outcome="served")
        for name in self._state.refused:
            self.swapped.send(self, name=name, outcome="refused")

    @property
    def names(self) -> tuple[str, ...]:
        """The configured models, the default first, whether or not they could be loaded."""
        state = self._loaded
        return tuple(sorted({*state.models, *state.faults}, key=lambda name: (name != self.default, name)))

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that are served, the default first."""
        return tuple(sorted(self._loaded.models.values(), key=lambda model: (model.name != self.default, model.name)))

    @property
    def faults(self) -> dict[str, str]:
        """The configured models that are not served, each with the reason."""
        return dict(self._loaded.faults)

    @property
    def refused(self) -> dict[str, str]:
        """The models whose promoted version could not be served, so that an earlier one is, each with the reason."""
        return dict(self._loaded.refused)

    def get(self, name: str | None = None) -> Model:
        """A model by name, or the default one.

        Raises:
            UnknownModelError: no model of that name is configured.
            ModelUnavailableError: its bundle did not pass the checks.
        """
        state = self._loaded
        name = self.default if name is None else name
        if name in state.models:
            return state.models[name]
        if name in state.faults:
            raise ModelUnavailableError(f"The model {name} is not available; its bundle did not pass the checks.")
        raise UnknownModelError(name, self.names)

    @property
    def _loaded(self) -> _State:
        if self._state is None:
            self._state = self._load({})
        return self._state

    def _load(self, served: Mapping[str, Model]) -> _State:
        """The new state, where ``served`` are the models of the old one."""
        stamp, models, faults = self._stamp(), dict[str, Model](), dict[str, str]()
        try:
            pins = self._pins()
        except BundleError as error:
            pins, faults = self._set, dict.fromkeys({self.default, *served} - self._set.keys(), str(error))
        for name, pin in pins.items():
            try:
                models[name] = self._load_one(name, pin, served.get(name))
            except (BundleError, ConfigError) as error:
                faults[name] = str(error)
        if self.default not in models and self.default not in faults:
            faults[self.default] = (
                f"the default model {self.default} has no version to serve; name one in {SERVED} or "
                "set HEARTAPP_DEFAULT_MODEL to a model that is there"
            )
        refused = {name: faults.pop(name) for name in [*faults] if name in served}
        for name, reason in faults.items():
            logger.error("model %s is not served: %s (bundles: %s)", name, reason, self.root)
        for name, reason in refused.items():
            logger.error("model %s stays the one that is served: %s (bundles: %s)", name, reason, self.root)
        return _State({**models, **{name: served[name] for name in refused}}, faults, refused, stamp)

    def _load_one(self, name: str, pin: Pin, served: Model | None) -> Model:
        bundle = self._read(name, pin, served)
        if served and served.identity.digest == bundle.digest:
            return served
        model = Model(bundle)
        logger.info("model %s: version %s (%s) is loaded", name, pin.version, bundle.digest)
        return model

    def _read(self, name: str, pin: Pin, served: Model | None = None) -> Bundle:
        check_trust(self.root, name, pin.version, self._keys, served.identity.version if served else None)
        return read_bundle(self.root, name, *pin)

    def _pins(self) -> dict[str, Pin]:
        """The version of each model to serve; the operator's settings win."""
        return {**read_pins(self.root), **self._set}

    def _stamp(self) -> tuple[int, ...]:
        """What differs once ``served.toml`` was written anew."""
        try:
            status = (self.root / SERVED).stat()
        except OSError:
            return ()
        return status.st_ino, status.st_size, status.st_mtime_ns

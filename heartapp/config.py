"""The settings, each with type, default and help.

Later sources win: the defaults here, the TOML file named by ``HEARTAPP_CONFIG``, ``instance/config.toml``, then
``HEARTAPP_*`` environment variables. ``heartapp config`` prints the result.
"""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from heartapp.errors import ConfigError

PREFIX: Final = "HEARTAPP_"
_CONFIG: Final = PREFIX + "CONFIG"
_HOME: Final = PREFIX + "HOME"
_INSTANCE: Final = "instance/config.toml"
_ENVIRONMENT: Final = "the environment"
_SHIPPED: Final = Path(__file__).with_name("_shipped")
"""The bundles and the configuration in a wheel. A checkout has them beside the package instead."""
_RETIRED: Final = ("environment", "secret_key", "form_lifetime", "secure_cookies")
"""Settings up to version 0.2, when forms had a session. They are ignored, so that they do not stop an upgrade."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything an operator can set. Relative paths start at `home`."""

    models: Annotated[str, Meta(description="The folder of bundles.", min_length=1)] = "models"
    served: Annotated[
        dict[str, str],
        Meta(description='Pins versions, as in {"bedside": "1"}; the rest is as models/served.toml says.'),
    ] = {}
    default_model: Annotated[str, Meta(description="The model that answers by default.", min_length=1)] = "bedside"
    trusted_keys: Annotated[
        list[str],
        Meta(description="Public keys, PEM files. If there are any, only bundles signed with one are served."),
    ] = []
    access_log: Annotated[bool, Meta(description="Log a line for each request, without its query.")] = True
    log_format: Annotated[
        Literal["json", "text"], Meta(description="How the log is written to standard output: json or text.")
    ] = "json"
    require_keys: Annotated[
        bool, Meta(description="Programs need a key of `heartapp keys` to predict; the page needs none.")
    ] = False
    rate_limit: Annotated[
        str, Meta(description="Predictions of one key, else of one address, such as 600/minute; empty: no limit.")
    ] = ""
    rate_limit_storage: Annotated[
        str,
        Meta(description="Where they are counted: memory:// for each process, or redis://HOST:PORT for all."),
    ] = "memory://"
    metrics_address: Annotated[
        str,
        Meta(description='Where metrics are read, such as "127.0.0.1:9464"; empty for none.', pattern=r"^(.+:\d+)?$"),
    ] = ""
    traces: Annotated[
        str,
        Meta(
            description='Where traces are sent, such as "http://127.0.0.1:4318/v1/traces"; empty for none.',
            pattern="^(https?://.+)?$",
        ),
    ] = ""
    max_patients: Annotated[int, Meta(description="Patients in one array or table, at most.", ge=1)] = 10_000
    max_body_bytes: Annotated[int, Meta(description="Size of one request's body, at most.", ge=1_024)] = 4_194_304
    trusted_proxies: Annotated[int, Meta(description="Number of proxies that set X-Forwarded-*.", ge=0, le=10)] = 0
    trusted_hosts: Annotated[
        list[str],
        Meta(
            description="Hosts that requests may name, such as heart.example.org, or .example.org with all below it. "
            "Probes must name one too. If there are none, every host is accepted: no answer leads there."
        ),
    ] = []


def home() -> Path:
    """Where relative paths start: ``HEARTAPP_HOME``, else the checkout of this package, else the working folder."""
    named = os.environ.get(_HOME)
    checkout = Path(__file__).parents[1]
    return Path(named) if named else checkout if (checkout / "models").is_dir() else Path.cwd()


def find(text: str) -> Path:
    """A path below the home, absolute. What is not there and comes with the installed package is found there."""
    path = (home() / text).absolute()
    shipped = _SHIPPED / text
    return shipped if shipped.exists() and not path.exists() else path


def read_settings() -> Settings:
    """Read all sources and check them.

    Raises:
        ConfigError: names the source, the setting and the remedy.
    """
    settings = Settings()
    for source, values in _sources():
        settings = _merge(settings, values, source)
    return settings


def describe_settings() -> list[tuple[str, str, str, str]]:
    """Name, value, source and help of every setting, and the retired ones that are still set.

    Raises:
        ConfigError: names the source, the setting and the remedy.
    """
    settings = read_settings()
    sources = {name: source for source, values in _sources() for name in values}
    sources |= dict.fromkeys({_HOME, _CONFIG} & os.environ.keys(), _ENVIRONMENT)
    described = [
        (_HOME, str(home()), "Where config, instance, models and all relative paths are."),
        (_CONFIG, _main_file(), "The file of settings that instance/config.toml and HEARTAPP_* add to."),
    ]
    for name, value in msgspec.structs.asdict(settings).items():
        described.append((name, msgspec.json.encode(value).decode(), _description(name)))
    described += [(name, "ignored", "Retired: remove it.") for name in _RETIRED if name in sources]
    return [(name, value, sources.get(name, "default"), purpose) for name, value, purpose in described]


def _main_file() -> str:
    return os.environ.get(_CONFIG) or "config/production.toml"


def _sources() -> list[tuple[str, dict[str, Any]]]:
    main = _main_file()
    if os.environ.get(_CONFIG) and not find(main).is_file():
        raise ConfigError(f"{_CONFIG} names {main}, which is not a file; name one of config/*.toml")
    return [
        (main, _read_toml(find(main))),
        (_INSTANCE, _read_toml(find(_INSTANCE))),
        (_ENVIRONMENT, _from_environment()),
    ]


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from None


def _from_environment() -> dict[str, Any]:
    """``HEARTAPP_MAX_PATIENTS=50`` as ``{"max_patients": "50"}``; ``served`` is JSON, commas separate lists."""
    values: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in os.environ.items()
        if name.startswith(PREFIX) and name not in {_HOME, _CONFIG}
    }
    if "served" in values:
        try:
            values["served"] = msgspec.json.decode(values["served"])
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            raise ConfigError('HEARTAPP_SERVED in the environment: expected JSON such as {"bedside": "1"}') from None
    for name in {"trusted_hosts", "trusted_keys"} & values.keys():
        values[name] = [one.strip() for one in values[name].split(",") if one.strip()]
    return values


def _merge(settings: Settings, values: dict[str, Any], source: str) -> Settings:
    known = Settings.__struct_fields__
    for name, value in values.items():
        if name in _RETIRED:
            continue
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known settings: {', '.join(known)}"
            raise ConfigError(f"{source}: unknown setting {name}; {hint}")
        try:
            checked = msgspec.convert({name: value}, Settings, strict=source != _ENVIRONMENT)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            reason = str(error).partition(" - at")[0]
            reason = reason[0].lower() + reason[1:]
            raise ConfigError(f"{source}: setting {name}: {reason}. {_description(name)}") from None
        settings = msgspec.structs.replace(settings, **{name: getattr(checked, name)})
    return settings


def _description(name: str) -> str:
    declared = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"][name]
    return str(declared["description"])

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from heartapp import config
from heartapp.cli import main
from heartapp.config import (
    PREFIX,
    Settings,
    describe_settings,
    find,
    home,
    load_settings,
    read_settings,
)
from heartapp.errors import ConfigError

KEY = "0123456789abcdef" * 4
SECRET = {"HEARTAPP_SECRET_KEY": KEY}
DEVELOPMENT = {"HEARTAPP_ENVIRONMENT": "development"}
FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HEARTAPP_HOME of the test's own, without any file of settings yet."""
    monkeypatch.setenv("HEARTAPP_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "instance").mkdir()
    return tmp_path


def load(environ: dict[str, str], *, make_key: bool = False) -> Settings:
    """The settings with these environment variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environ.items():
            patch.setenv(name, text)
        return load_settings(make_key=make_key)


def failure(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load(environ)
    return str(caught.value)


# Where things are


def test_without_a_home_the_settings_are_those_of_this_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTAPP_HOME", raising=False)
    assert (home() / "heartapp" / "config.py").is_file()
    for name in ("config/production.toml", "config/development.toml", "instance/config.example.toml"):
        settings = load({"HEARTAPP_CONFIG": name, **SECRET})
        assert settings.secret_key == KEY
        assert settings.environment == ("development" if "development" in name else "production")
        assert not any(line.startswith("secret_key") for line in (home() / name).read_text("utf-8").splitlines())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with shipped files, and an empty working folder."""
    package = tmp_path / "site-packages" / "heartapp"
    shipped = package / "_shipped"
    (shipped / "models").mkdir(parents=True)
    (shipped / "config").mkdir()
    (shipped / "config" / "development.toml").write_text('environment = "development"\n')
    monkeypatch.delenv("HEARTAPP_HOME", raising=False)
    monkeypatch.setattr(config, "__file__", str(package / "config.py"))
    monkeypatch.setattr(config, "_SHIPPED", shipped)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def test_an_installed_package_works_in_the_working_folder_with_its_own_models_and_settings(installed: Path) -> None:
    assert home() == installed
    assert find(read_settings().models) == installed.parent / "site-packages" / "heartapp" / "_shipped" / "models"
    assert load({}, make_key=True).environment == "development"
    assert (installed / "instance" / "secret_key").is_file()


def test_what_is_in_the_working_folder_goes_before_what_is_shipped(installed: Path) -> None:
    (installed / "models").mkdir()
    (installed / "config").mkdir()
    (installed / "config" / "production.toml").write_text("max_patients = 1\n")
    assert find(read_settings().models) == installed / "models"
    assert load(SECRET) == Settings(secret_key=KEY, max_patients=1)


def test_the_folder_of_models_is_found_without_a_secret_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(read_settings().models) == folder / "models"
    (folder / "config" / "production.toml").write_text('models = "elsewhere"\n')
    assert find(read_settings().models) == folder / "elsewhere"
    monkeypatch.setenv("HEARTAPP_MODELS", "/srv/models")
    assert find(read_settings().models) == Path("/srv/models")
    monkeypatch.setenv("HEARTAPP_PORT", "80")
    with pytest.raises(ConfigError, match="unknown setting port"):
        find(read_settings().models)


# Sources


def test_later_sources_win(folder: Path) -> None:
    (folder / "config" / "production.toml").write_text("max_patients = 1\nmax_body_bytes = 2001\nform_lifetime = 31\n")
    (folder / "instance" / "config.toml").write_text("max_patients = 2\nmax_body_bytes = 2002\n")
    settings = load({"HEARTAPP_MAX_PATIENTS": "3", **SECRET})
    assert (settings.max_patients, settings.max_body_bytes, settings.form_lifetime) == (3, 2002, 31)


def test_the_file_that_heartapp_config_names_takes_the_place_of_the_production_one(folder: Path) -> None:
    (folder / "config" / "production.toml").write_text("max_patients = 1\n")
    (folder / "config" / "other.toml").write_text("form_lifetime = 31\n")
    settings = load({"HEARTAPP_CONFIG": "config/other.toml", **SECRET})
    assert (settings.max_patients, settings.form_lifetime) == (Settings().max_patients, 31)


@pytest.mark.usefixtures("folder")
def test_the_environment_holds_text_which_is_read_as_the_settings_type() -> None:
    texts = {
        "SECURE_COOKIES": "false",
        "TRUSTED_PROXIES": "2",
        "SERVED": '{"bedside": "3"}',
        "TRUSTED_HOSTS": "a.example, .b.example",
    }
    settings = load({PREFIX + name: text for name, text in texts.items()} | SECRET)
    assert (settings.secure_cookies, settings.trusted_proxies) == (False, 2)
    assert settings.served == {"bedside": "3"}
    assert settings.trusted_hosts == ["a.example", ".b.example"]


# Faults


@pytest.mark.usefixtures("folder")
def test_a_named_file_that_is_not_there_stops_the_start() -> None:
    assert failure({"HEARTAPP_CONFIG": "config/absent.toml"}).startswith("HEARTAPP_CONFIG names config/absent.toml")


@pytest.mark.parametrize("content", [b"max_patients 1", b"models = '\xff'"], ids=["no TOML", "no UTF-8"])
def test_a_file_that_is_not_toml_is_named(folder: Path, content: bytes) -> None:
    path = folder / "instance" / "config.toml"
    path.write_bytes(content)
    assert failure(SECRET).startswith(f"{path} is not a TOML file: ")


def test_an_unknown_setting_is_named_with_its_source_and_a_close_one(folder: Path) -> None:
    (folder / "instance" / "config.toml").write_text("max_patient = 1\n")
    assert failure(SECRET) == "instance/config.toml: unknown setting max_patient; did you mean max_patients?"


@pytest.mark.usefixtures("folder")
def test_an_unknown_setting_like_no_other_is_answered_with_all_of_them() -> None:
    message = failure({"HEARTAPP_XYZZY": "1", **SECRET})
    assert message.startswith("the environment: unknown setting xyzzy; known settings: ")
    assert all(name in message for name in FIELDS)


@pytest.mark.parametrize("name", ["models", "served"])
def test_an_ill_typed_setting_of_a_file_is_named_with_what_it_is_for(folder: Path, name: str) -> None:
    (folder / "instance" / "config.toml").write_text(f"{name} = [[]]\n")
    (declared,) = msgspec.json.schema(Settings)["$defs"].values()
    message = failure(SECRET)
    assert message.startswith(f"instance/config.toml: setting {name}: ")
    assert message.endswith(f". {declared['properties'][name]['description']}")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "text", "limits"),
    [
        ("MAX_PATIENTS", "0", "expected `int` >= 1"),
        ("SECURE_COOKIES", "perhaps", "expected `bool`"),
        ("SERVED", "[]", "expected `object`"),
    ],
)
def test_an_ill_typed_setting_of_the_environment_is_named_with_its_limits(name: str, text: str, limits: str) -> None:
    assert failure({PREFIX + name: text, **SECRET}).startswith(f"the environment: setting {name.lower()}: {limits}")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["bedside=1", "[" * 10_000, "\udcff"], ids=ascii)
def test_pinned_versions_that_are_no_json_are_refused_with_an_example(text: str) -> None:
    assert '{"bedside": "1"}' in failure({"HEARTAPP_SERVED": text, **SECRET})


# The secret key


def test_production_needs_a_key_that_was_given_and_says_how_to_make_one(folder: Path) -> None:
    (folder / "instance" / "secret_key").write_text(KEY)
    for message in (failure({}), failure({"HEARTAPP_ENVIRONMENT": "production"})):
        assert message.startswith("production needs a setting secret_key: make one with: python3 -c ")
        assert "HEARTAPP_SECRET_KEY" in message


def test_development_makes_a_key_if_asked_to_and_keeps_it(folder: Path) -> None:
    assert load({**DEVELOPMENT, **SECRET}, make_key=True).secret_key == KEY
    assert not (folder / "instance" / "secret_key").exists()
    assert failure(DEVELOPMENT).startswith("no secret key: `heartapp serve` makes one")
    (folder / "instance").rmdir()
    made = load(DEVELOPMENT, make_key=True).secret_key
    assert len(bytes.fromhex(made)) == 32
    assert made == (folder / "instance" / "secret_key").read_text("utf-8").strip()
    assert load(DEVELOPMENT, make_key=True).secret_key == load(DEVELOPMENT).secret_key == made


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("key", ["abcdefg" * 9, KEY[:31]])
def test_a_short_or_plain_key_is_refused_and_not_repeated(key: str) -> None:
    message = failure({**DEVELOPMENT, "HEARTAPP_SECRET_KEY": key})
    assert message.startswith("secret_key is too short or too plain to be secret: make one with")
    assert key not in message


# heartapp config


def test_heartapp_config_prints_every_setting_with_value_source_and_help(folder: Path) -> None:
    (folder / "instance" / "config.toml").write_text("max_patients = 2\n")
    result = CliRunner().invoke(main, ["config"], env={"HEARTAPP_FORM_LIFETIME": "31", **SECRET})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert f"HEARTAPP_HOME = {folder}  [the environment]" in lines
    assert "HEARTAPP_CONFIG = config/production.toml  [default]" in lines
    assert "max_patients = 2  [instance/config.toml]" in lines
    assert "form_lifetime = 31  [the environment]" in lines
    assert f"max_body_bytes = {Settings().max_body_bytes}  [default]" in lines
    assert 'secret_key = "(hidden)"  [the environment]' in lines
    assert KEY not in result.stdout


@pytest.mark.usefixtures("folder")
def test_every_setting_has_a_help_and_a_default_that_passes_its_own_checks() -> None:
    described = describe_settings()[2:]
    assert [name for name, *_ in described] == [*FIELDS]
    assert all(purpose for *_, purpose in described)
    assert msgspec.convert(json.loads(msgspec.json.encode(Settings())), Settings) == Settings()


@given(
    st.dictionaries(
        st.sampled_from([PREFIX + name.upper() for name in FIELDS if name != "secret_key"] + [PREFIX, PREFIX + "X"]),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
        | st.sampled_from(["1", "true", "{}", '{"a": "b"}', "production", "\udcff"]),
    )
)
def test_any_environment_gives_settings_or_a_config_error(environ: dict[str, str]) -> None:
    try:
        settings: Any = load({"HEARTAPP_CONFIG": "config/development.toml", **SECRET, **environ})
    except ConfigError:
        return
    assert msgspec.convert(msgspec.to_builtins(settings), Settings) == settings

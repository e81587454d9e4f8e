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
from heartapp.config import PREFIX, Settings, describe_settings, find, home, read_settings
from heartapp.errors import ConfigError

FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HEARTAPP_HOME of the test's own, without any file of settings yet."""
    monkeypatch.setenv("HEARTAPP_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "instance").mkdir()
    return tmp_path


def load(environ: dict[str, str]) -> Settings:
    """The settings with these environment variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environ.items():
            patch.setenv(name, text)
        return read_settings()


def failure(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load(environ)
    return str(caught.value)


# Where things are


def test_without_a_home_the_settings_are_those_of_this_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTAPP_HOME", raising=False)
    assert (home() / "heartapp" / "config.py").is_file()
    for name in ("config/production.toml", "instance/config.example.toml"):
        assert load({"HEARTAPP_CONFIG": name}) == Settings()
    assert load({"HEARTAPP_CONFIG": "config/development.toml"}) == Settings(access_log=False, log_format="text")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with shipped files, and an empty working folder."""
    package = tmp_path / "site-packages" / "heartapp"
    shipped = package / "_shipped"
    (shipped / "models").mkdir(parents=True)
    (shipped / "config").mkdir()
    (shipped / "config" / "production.toml").write_text("max_patients = 7\n")
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
    assert read_settings() == Settings(max_patients=7)


def test_what_is_in_the_working_folder_goes_before_what_is_shipped(installed: Path) -> None:
    (installed / "models").mkdir()
    (installed / "config").mkdir()
    (installed / "config" / "production.toml").write_text("max_patients = 1\n")
    assert find(read_settings().models) == installed / "models"
    assert read_settings() == Settings(max_patients=1)


def test_paths_start_at_the_home_unless_they_are_absolute(folder: Path) -> None:
    assert (find("models"), find("/srv/models")) == (folder / "models", Path("/srv/models"))


# Sources


def test_later_sources_win(folder: Path) -> None:
    (folder / "config" / "production.toml").write_text("max_patients = 1\nmax_body_bytes = 2001\ntrusted_proxies = 1\n")
    (folder / "instance" / "config.toml").write_text("max_patients = 2\nmax_body_bytes = 2002\n")
    settings = load({"HEARTAPP_MAX_PATIENTS": "3"})
    assert settings == Settings(max_patients=3, max_body_bytes=2002, trusted_proxies=1)


def test_the_file_that_heartapp_config_names_takes_the_place_of_the_production_one(folder: Path) -> None:
    (folder / "config" / "production.toml").write_text("max_patients = 1\n")
    (folder / "config" / "other.toml").write_text("trusted_proxies = 1\n")
    assert load({"HEARTAPP_CONFIG": "config/other.toml"}) == Settings(trusted_proxies=1)


@pytest.mark.usefixtures("folder")
def test_the_environment_holds_text_which_is_read_as_the_settings_type() -> None:
    texts = {"TRUSTED_PROXIES": "2", "SERVED": '{"bedside": "3"}', "TRUSTED_HOSTS": "a.example, .b.example"}
    assert load({PREFIX + name: text for name, text in texts.items()}) == Settings(
        trusted_proxies=2, served={"bedside": "3"}, trusted_hosts=["a.example", ".b.example"]
    )


# Faults


@pytest.mark.usefixtures("folder")
def test_a_named_file_that_is_not_there_stops_the_start() -> None:
    assert failure({"HEARTAPP_CONFIG": "config/absent.toml"}).startswith("HEARTAPP_CONFIG names config/absent.toml")


@pytest.mark.parametrize("content", [b"max_patients 1", b"models = '\xff'"], ids=["no TOML", "no UTF-8"])
def test_a_file_that_is_not_toml_is_named(folder: Path, content: bytes) -> None:
    path = folder / "instance" / "config.toml"
    path.write_bytes(content)
    assert failure({}).startswith(f"{path} is not a TOML file: ")


def test_an_unknown_setting_is_named_with_its_source_and_a_close_one_or_all(folder: Path) -> None:
    message = failure({"HEARTAPP_XYZZY": "1"})
    assert message.startswith("the environment: unknown setting xyzzy; known settings: ")
    assert all(name in message for name in FIELDS)
    (folder / "instance" / "config.toml").write_text("max_patient = 1\n")
    assert failure({}) == "instance/config.toml: unknown setting max_patient; did you mean max_patients?"


@pytest.mark.parametrize("name", ["models", "served"])
def test_an_ill_typed_setting_of_a_file_is_named_with_what_it_is_for(folder: Path, name: str) -> None:
    (folder / "instance" / "config.toml").write_text(f"{name} = [[]]\n")
    (declared,) = msgspec.json.schema(Settings)["$defs"].values()
    message = failure({})
    assert message.startswith(f"instance/config.toml: setting {name}: ")
    assert message.endswith(f". {declared['properties'][name]['description']}")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "text", "limits"),
    [
        ("MAX_PATIENTS", "0", "expected `int` >= 1"),
        ("TRUSTED_PROXIES", "many", "expected `int`"),
        ("SERVED", "[]", "expected `object`"),
    ],
)
def test_an_ill_typed_setting_of_the_environment_is_named_with_its_limits(name: str, text: str, limits: str) -> None:
    assert failure({PREFIX + name: text}).startswith(f"the environment: setting {name.lower()}: {limits}")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["bedside=1", "[" * 10_000, "\udcff"], ids=ascii)
def test_pinned_versions_that_are_no_json_are_refused_with_an_example(text: str) -> None:
    assert '{"bedside": "1"}' in failure({"HEARTAPP_SERVED": text})


# heartapp config


def test_heartapp_config_prints_every_setting_with_value_source_and_help(folder: Path) -> None:
    (folder / "instance" / "config.toml").write_text("max_patients = 2\n")
    result = CliRunner().invoke(main, ["config"], env={"HEARTAPP_TRUSTED_PROXIES": "1"})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert f"HEARTAPP_HOME = {folder}  [the environment]" in lines
    assert "HEARTAPP_CONFIG = config/production.toml  [default]" in lines
    assert "max_patients = 2  [instance/config.toml]" in lines
    assert "trusted_proxies = 1  [the environment]" in lines
    assert f"max_body_bytes = {Settings().max_body_bytes}  [default]" in lines


@pytest.mark.usefixtures("folder")
def test_every_setting_has_a_help_and_a_default_that_passes_its_own_checks() -> None:
    described = describe_settings()[2:]
    assert [name for name, *_ in described] == [*FIELDS]
    assert all(purpose for *_, purpose in described)
    assert msgspec.convert(json.loads(msgspec.json.encode(Settings())), Settings) == Settings()


def test_retired_settings_are_ignored_and_listed_without_their_values(folder: Path) -> None:
    (folder / "instance" / "config.toml").write_text('secret_key = "hush"\nsecure_cookies = "maybe"\n')
    retired = {"HEARTAPP_SECRET_KEY": "hush", "HEARTAPP_FORM_LIFETIME": "31", "HEARTAPP_ENVIRONMENT": "production"}
    assert load(retired) == Settings()
    listed = CliRunner().invoke(main, ["config"], env=retired).stdout
    for name in ("environment", "secret_key", "form_lifetime"):
        assert f"{name} = ignored  [the environment]" in listed
    assert "secure_cookies = ignored  [instance/config.toml]" in listed
    assert "hush" not in listed


@given(
    st.dictionaries(
        st.sampled_from([PREFIX + name.upper() for name in FIELDS] + [PREFIX, PREFIX + "X"]),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
        | st.sampled_from(["1", "{}", '{"a": "b"}', "\udcff"]),
    )
)
def test_any_environment_gives_settings_or_a_config_error(environ: dict[str, str]) -> None:
    try:
        settings: Any = load(environ)
    except ConfigError:
        return
    assert msgspec.convert(msgspec.to_builtins(settings), Settings) == settings

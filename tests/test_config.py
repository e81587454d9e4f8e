from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartapp.config import PREFIX, Settings, home, load_settings, make_secret_key, models_folder, secret_file
from heartapp.errors import ConfigError

KEY = "0123456789abcdef" * 4
SECRET = {"HEARTAPP_SECRET_KEY": KEY}
FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HEARTAPP_HOME of the test's own, without any file of settings yet."""
    monkeypatch.setenv("HEARTAPP_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "instance").mkdir()
    return tmp_path


def failure(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return str(caught.value)


def test_without_any_source_the_defaults_hold(folder: Path) -> None:
    assert load_settings(SECRET) == Settings(secret_key=KEY)
    assert home() == folder


def test_without_a_home_the_settings_are_those_of_this_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTAPP_HOME", raising=False)
    assert (home() / "heartapp" / "config.py").is_file()
    assert load_settings({"HEARTAPP_CONFIG": "config/production.toml", **SECRET}).environment == "production"
    assert load_settings({"HEARTAPP_CONFIG": "config/development.toml", **SECRET}).environment == "development"


@pytest.mark.usefixtures("folder")
def test_the_process_environment_is_read_where_no_other_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTAPP_SECRET_KEY", KEY)
    monkeypatch.setenv("HEARTAPP_MAX_PATIENTS", "7")
    assert load_settings().max_patients == 7


def test_later_sources_win(folder: Path) -> None:
    (folder / "config" / "production.toml").write_text("max_patients = 1\nmax_body_bytes = 2001\nform_lifetime = 31\n")
    (folder / "instance" / "config.toml").write_text("max_patients = 2\nmax_body_bytes = 2002\n")
    settings = load_settings({"HEARTAPP_MAX_PATIENTS": "3", **SECRET})
    assert (settings.max_patients, settings.max_body_bytes, settings.form_lifetime) == (3, 2002, 31)
    assert settings.trusted_proxies == Settings().trusted_proxies


def test_the_file_that_heartapp_config_names_takes_the_place_of_the_production_one(folder: Path) -> None:
    (folder / "config" / "production.toml").write_text("max_patients = 1\n")
    (folder / "config" / "other.toml").write_text("form_lifetime = 31\n")
    settings = load_settings({"HEARTAPP_CONFIG": "config/other.toml", **SECRET})
    assert (settings.max_patients, settings.form_lifetime) == (Settings().max_patients, 31)


@pytest.mark.usefixtures("folder")
def test_a_named_file_that_is_not_there_stops_the_start() -> None:
    assert failure({"HEARTAPP_CONFIG": "config/absent.toml"}) == (
        "HEARTAPP_CONFIG names config/absent.toml, which is not a file; name one of config/*.toml"
    )


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
    assert message.startswith("the environment: unknown setting xyzzy; known settings: environment, secret_key, ")
    assert all(name in message for name in FIELDS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('max_patients = "12"', "setting max_patients: expected `int`, got `str`"),
        ("max_patients = 0", "setting max_patients: expected `int` >= 1"),
        ("secure_cookies = 1", "setting secure_cookies: expected `bool`, got `int`"),
        ("secret_key = 1", "setting secret_key: expected `str`, got `int`"),
        ('environment = "debug"', "setting environment: invalid enum value 'debug'"),
        ('models = ""', "setting models: expected `str` of length >= 1"),
        ("trusted_proxies = 11", "setting trusted_proxies: expected `int` <= 10"),
        ("[served]\nbedside = 1", "setting served: expected `str`, got `int`"),
    ],
)
def test_an_ill_typed_setting_of_a_file_names_source_setting_and_what_is_expected(
    folder: Path, line: str, message: str
) -> None:
    (folder / "instance" / "config.toml").write_text(line + "\n")
    assert failure(SECRET).startswith(f"instance/config.toml: {message}; it takes ")


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_that_cannot_be_read_is_told_with_what_it_takes_and_what_it_is_for(folder: Path, name: str) -> None:
    (folder / "instance" / "config.toml").write_text(f"{name} = [[]]\n")
    (declared,) = msgspec.json.schema(Settings)["$defs"].values()
    message = failure(SECRET)
    assert message.startswith(f"instance/config.toml: setting {name}: ")
    told = message.partition("; it takes ")[2]
    assert told.endswith(f". {declared['properties'][name]['description']}")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("MAX_PATIENTS", "it takes a whole number of 1 or more. "),
        ("TRUSTED_PROXIES", "it takes a whole number from 0 to 10. "),
        ("SECURE_COOKIES", "it takes true or false. "),
        ("ENVIRONMENT", "it takes development or production. "),
    ],
)
def test_what_a_setting_takes_is_told_with_its_limits(name: str, told: str) -> None:
    assert told in failure({PREFIX + name: "-1", **SECRET})


@pytest.mark.usefixtures("folder")
def test_the_environment_holds_text_which_is_read_as_the_setting_s_type() -> None:
    settings = load_settings({"HEARTAPP_SECURE_COOKIES": "false", "HEARTAPP_TRUSTED_PROXIES": "2", **SECRET})
    assert settings.secure_cookies is False
    assert settings.trusted_proxies == 2


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "text"), [("MAX_PATIENTS", "many"), ("SECURE_COOKIES", "perhaps")])
def test_an_ill_typed_setting_of_the_environment_says_so(name: str, text: str) -> None:
    assert failure({PREFIX + name: text, **SECRET}).startswith(f"the environment: setting {name.lower()}: expected `")


@pytest.mark.usefixtures("folder")
def test_pinned_versions_are_json_in_the_environment() -> None:
    pinned = {"bedside": "3", "followup": "1"}
    assert load_settings({"HEARTAPP_SERVED": json.dumps(pinned), **SECRET}).served == pinned


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["bedside=1", "", "{", "[" * 10_000, "\udcff"], ids=ascii)
def test_pinned_versions_that_are_no_json_are_refused_with_an_example(text: str) -> None:
    assert failure({"HEARTAPP_SERVED": text, **SECRET}) == (
        'HEARTAPP_SERVED in the environment: expected JSON such as {"bedside": "1"}'
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "got"), [("[]", "expected `object`, got `array`"), ('{"a": 1}', "expected `str`, got")]
)
def test_pinned_versions_of_another_shape_are_refused(text: str, got: str) -> None:
    assert failure({"HEARTAPP_SERVED": text, **SECRET}).startswith(f"the environment: setting served: {got}")


@pytest.mark.usefixtures("folder")
def test_production_refuses_to_start_without_a_secret_and_says_how_to_make_one() -> None:
    message = failure({})
    assert message.startswith("production needs a setting secret_key: make one with: python3 -c ")
    assert "HEARTAPP_SECRET_KEY" in message


@pytest.mark.usefixtures("folder")
def test_production_does_not_take_the_key_that_development_made() -> None:
    make_secret_key()
    assert failure({"HEARTAPP_ENVIRONMENT": "production"}).startswith("production needs a setting secret_key")


@pytest.mark.usefixtures("folder")
def test_development_says_that_serve_makes_a_key() -> None:
    assert failure({"HEARTAPP_ENVIRONMENT": "development"}).startswith("no secret key: `heartapp serve` makes one")


@pytest.mark.usefixtures("folder")
def test_development_uses_the_key_that_the_machine_made() -> None:
    path = make_secret_key()
    assert load_settings({"HEARTAPP_ENVIRONMENT": "development"}).secret_key == path.read_text("utf-8").strip()


def test_development_makes_a_key_when_told_to_and_keeps_it(folder: Path) -> None:
    development = {"HEARTAPP_ENVIRONMENT": "development"}
    made = load_settings(development, make_key=True).secret_key
    assert made == (folder / "instance" / "secret_key").read_text("utf-8").strip()
    assert load_settings(development, make_key=True).secret_key == made


@pytest.mark.usefixtures("folder")
def test_no_key_is_made_for_production_or_beside_a_given_one() -> None:
    with pytest.raises(ConfigError, match="production needs a setting secret_key"):
        load_settings({}, make_key=True)
    load_settings({"HEARTAPP_ENVIRONMENT": "development", **SECRET}, make_key=True)
    assert not secret_file().exists()


@pytest.mark.usefixtures("folder")
def test_a_given_key_goes_before_the_one_that_the_machine_made() -> None:
    make_secret_key()
    assert load_settings({"HEARTAPP_ENVIRONMENT": "development", **SECRET}).secret_key == KEY


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize("key", ["changeme", "x" * 64, "abcdefg" * 9, KEY[:31]])
def test_a_short_or_plain_key_is_refused_and_not_repeated(environment: str, key: str) -> None:
    message = failure({"HEARTAPP_ENVIRONMENT": environment, "HEARTAPP_SECRET_KEY": key})
    assert message.startswith("secret_key is too short or too plain to be secret: make one with")
    assert key not in message


def test_the_machine_s_own_key_is_private_and_made_once(folder: Path) -> None:
    (folder / "instance").rmdir()
    path = make_secret_key()
    assert path == secret_file() == folder / "instance" / "secret_key"
    key = path.read_text("utf-8").strip()
    assert len(bytes.fromhex(key)) == 32
    assert make_secret_key() == path
    assert path.read_text("utf-8").strip() == key


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.usefixtures("folder")
def test_the_machine_s_own_key_is_readable_by_its_owner_alone() -> None:
    before = os.umask(0)
    try:
        path = make_secret_key()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_machines_make_different_keys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_secret_key().read_text("utf-8")
    monkeypatch.setenv("HEARTAPP_HOME", str(folder / "other"))
    assert make_secret_key().read_text("utf-8") != first


def test_the_folder_of_models_is_found_without_a_secret_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTAPP_HOME", str(folder))
    assert models_folder() == folder / "models"
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "production.toml").write_text('models = "elsewhere"\n')
    assert models_folder() == folder / "elsewhere"
    monkeypatch.setenv("HEARTAPP_MODELS", "/srv/models")
    assert models_folder() == Path("/srv/models")
    monkeypatch.setenv("HEARTAPP_PORT", "80")
    with pytest.raises(ConfigError, match="unknown setting port"):
        models_folder()


def test_paths_start_at_the_home_unless_they_are_absolute(folder: Path) -> None:
    assert Settings().path("models") == folder / "models"
    assert Settings().path(str(folder / "elsewhere")) == folder / "elsewhere"


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_a_description_and_a_default_that_passes_its_own_checks(name: str) -> None:
    hint = get_type_hints(Settings, include_extras=True)[name]
    assert any(isinstance(meta, msgspec.Meta) and meta.description for meta in hint.__metadata__)
    assert msgspec.convert({name: getattr(Settings(), name)}, Settings) == Settings()


def test_the_shipped_files_set_known_settings_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTAPP_HOME", raising=False)
    for path in [*(home() / "config").glob("*.toml"), home() / "instance" / "config.example.toml"]:
        assert load_settings({"HEARTAPP_CONFIG": str(path), **SECRET}).secret_key == KEY
        assert not any(line.startswith("secret_key") for line in path.read_text("utf-8").splitlines())


@given(
    st.dictionaries(
        st.sampled_from([PREFIX + name.upper() for name in FIELDS if name != "secret_key"] + [PREFIX, PREFIX + "X"]),
        st.text(max_size=20) | st.sampled_from(["1", "true", "{}", '{"a": "b"}', "production", "\udcff"]),
    )
)
def test_any_environment_gives_settings_or_a_config_error(environ: dict[str, str]) -> None:
    try:
        settings: Any = load_settings({"HEARTAPP_CONFIG": "config/development.toml", **SECRET, **environ})
    except ConfigError:
        return
    assert msgspec.convert(msgspec.to_builtins(settings), Settings) == settings

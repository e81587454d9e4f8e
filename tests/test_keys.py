from pathlib import Path

import pytest

from heartapp.errors import ConfigError, DataError
from heartapp.keys import KeyFile


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "instance" / "keys.json")


def test_a_secret_is_found_by_its_scope_and_is_not_in_the_file(keys: KeyFile) -> None:
    secret = keys.add("clinic", ["predict"])
    both = keys.add("operator", ["predict", "metrics"])
    assert (keys.find(secret, "predict"), keys.find(both, "metrics")) == ("clinic", "operator")
    assert keys.find(secret, "metrics") is None
    assert keys.find(secret[:-1], "predict") is None
    assert keys.find("", "predict") is None
    assert secret not in keys.path.read_text()
    assert len(secret) > 40


def test_a_running_server_sees_keys_that_are_added_and_revoked(keys: KeyFile) -> None:
    server = KeyFile(keys.path)
    assert server.keys == {}
    secret = keys.add("clinic", ["predict"])
    assert server.find(secret, "predict") == "clinic"
    keys.revoke("clinic")
    assert server.find(secret, "predict") is None


def test_wrong_names_and_damaged_files_are_named(keys: KeyFile) -> None:
    keys.add("clinic", ["predict"])
    with pytest.raises(ConfigError, match="there is a key clinic; choose another"):
        keys.add("clinic", ["predict"])
    with pytest.raises(ConfigError, match="there is no key other; these are there: clinic"):
        keys.revoke("other")
    keys.path.write_text(keys.path.read_text().replace('"sha256": "', '"sha256": "\u00e9'))
    with pytest.raises(ConfigError, match="restore it"):
        keys.find("x", "predict")
    keys.path.write_text("{}}")
    with pytest.raises(ConfigError, match=r"keys\.json: .*; restore it"):
        assert keys.keys


def test_a_file_that_cannot_be_written_is_named(keys: KeyFile) -> None:
    keys.path.mkdir(parents=True)
    with pytest.raises((ConfigError, DataError), match=r"keys\.json"):
        keys.add("clinic", ["predict"])

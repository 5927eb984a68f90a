"""Each secret of an installation is its own, and whoever lacks one is told which (the file: api/test_tokens.py)."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from oxyq.errors import ConfigurationError
from oxyq.own_secrets import own_secret
from oxyq.settings import Settings, load_settings

VARIABLE, FILE = "OXYQ_SECRETS_KEY", "secrets-key"
GIVEN = SecretStr("a-key-that-was-given-of-40-characters...")


@pytest.fixture
def development(tmp_path: Path) -> Settings:
    """Settings that name no secret."""
    return load_settings({"OXYQ_DATA_DIR": str(tmp_path / "data")})


def test_what_was_given_is_taken_and_nothing_is_made(development: Settings) -> None:
    assert own_secret(development, GIVEN, VARIABLE, FILE) == GIVEN.get_secret_value()
    assert not development.data_dir.exists()


def test_each_has_a_file_of_its_own(development: Settings) -> None:
    sealing, bridge = (own_secret(development, None, VARIABLE, name) for name in (FILE, "bridge-key"))

    assert sealing != bridge
    assert own_secret(development, None, VARIABLE, FILE) == sealing
    assert sorted(os.listdir(development.data_dir)) == ["bridge-key", FILE]


def test_production_makes_none_up_and_names_what_is_missing(tmp_path: Path) -> None:
    production = load_settings(
        {
            "OXYQ_ENV": "production",
            "REDIS_URL": "redis://localhost",
            "OXYQ_JWT_SECRET": "x" * 40,
            "OXYQ_DATA_DIR": str(tmp_path / "data"),
        }
    )

    with pytest.raises(ConfigurationError) as missing:
        own_secret(production, None, VARIABLE, FILE)

    assert str(missing.value) == (
        "OXYQ_SECRETS_KEY: is missing, and production needs it; openssl rand -hex 32 makes one"
    )
    assert not (tmp_path / "data").exists()
    assert own_secret(production, GIVEN, VARIABLE, FILE) == GIVEN.get_secret_value()


def test_a_file_that_others_may_read_is_refused_by_the_name_of_its_variable(development: Settings) -> None:
    own_secret(development, None, VARIABLE, FILE)
    (development.data_dir / FILE).chmod(0o644)

    with pytest.raises(ConfigurationError) as unsafe:
        own_secret(development, None, VARIABLE, FILE)

    assert str(unsafe.value).startswith(f"OXYQ_SECRETS_KEY: is not set, and its stand-in {development.data_dir / FILE}")
    assert "chmod 600" in str(unsafe.value)

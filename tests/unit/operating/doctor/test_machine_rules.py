"""Each rule about this machine and the settings."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from oxyq.engine.address import Address
from oxyq.operating.doctor.finding import Finding, Level
from oxyq.operating.doctor.machine_rules import machine_findings
from oxyq.settings import load_settings

GOOD_SECRET = "0123456789abcdef0123456789abcdef"
OTHER_SECRET = "fedcba9876543210fedcba9876543210"
HERE, AWAY = "redis://localhost:6379", "redis://redis.example:6379"


def found(check: str, folder: Path, **environment: str) -> Finding:
    """What this check says of an installation with these settings."""
    settings = load_settings({"REDIS_URL": HERE, "OXYQ_DATA_DIR": str(folder), **environment})
    address = Address.from_url(settings.redis_url or HERE, verify_tls=settings.redis_tls_verify)
    [finding] = [one for one in machine_findings(settings, address) if one.check == check]
    return finding


@pytest.mark.parametrize(
    ("check", "environment", "level"),
    [
        ("environment", {}, "ok"),
        ("environment", {"REDIS_URL": AWAY}, "warning"),
        ("environment", {"REDIS_URL": AWAY, "OXYQ_ENV": "production", "OXYQ_JWT_SECRET": GOOD_SECRET}, "ok"),
        ("tls", {}, "ok"),
        ("tls", {"REDIS_URL": "unix:///run/redis.sock"}, "ok"),
        ("tls", {"REDIS_URL": AWAY}, "warning"),
        ("tls", {"REDIS_URL": "rediss://redis.example:6379"}, "ok"),
        ("tls", {"REDIS_URL": "rediss://redis.example:6379", "OXYQ_REDIS_TLS_VERIFY": "false"}, "warning"),
        ("secrets", {"OXYQ_JWT_SECRET": GOOD_SECRET}, "ok"),
        ("secrets", {"OXYQ_JWT_SECRET": "secret" * 6}, "warning"),
        ("secrets", {"OXYQ_JWT_SECRET": GOOD_SECRET, "OXYQ_SECRETS_KEY": GOOD_SECRET}, "warning"),
        ("secrets", {"OXYQ_JWT_SECRET": GOOD_SECRET, "OXYQ_SECRETS_KEY": OTHER_SECRET}, "ok"),
        ("secrets", {"OXYQ_JWT_SECRET": GOOD_SECRET, "OXYQ_ENV": "production"}, "warning"),
        ("keys", {}, "ok"),
    ],
)
def test_settings(tmp_path: Path, check: str, environment: dict[str, str], level: Level) -> None:
    """What is not fine names its fix, and no secret is ever shown."""
    finding = found(check, tmp_path, **environment)

    assert finding.level == level, finding
    assert bool(finding.fix) == (level != "ok")
    assert not any(secret in str(finding) for secret in (GOOD_SECRET, OTHER_SECRET, "secret" * 6))


def test_files_that_others_may_read(tmp_path: Path) -> None:
    """The folder, and the keys in it."""
    folder = tmp_path / "data"
    assert found("file modes", folder).level == "ok"  # not there yet

    folder.mkdir(mode=0o700)
    key = folder / "secrets-key"
    key.write_text("x")
    key.chmod(0o600)
    assert found("file modes", folder).level == "ok"

    key.chmod(0o640)
    finding = found("file modes", folder)
    assert (finding.level, finding.fix) == ("warning", f"chmod -R go= {folder}")
    assert str(key) in finding.found

    key.chmod(0o600)
    folder.chmod(0o755)
    assert found("file modes", folder).level == "warning"


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the folder is not there yet: what counts is the disk it will be on."""
    assert str(tmp_path) in found("disk", tmp_path / "not" / "there").found

    usage = namedtuple("usage", "total used free")
    for free, level in ((900_000_000, "warning"), (4_000_000_000, "warning"), (50_000_000_000, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage(100_000_000_000, 0, free))
        assert found("disk", tmp_path).level == level

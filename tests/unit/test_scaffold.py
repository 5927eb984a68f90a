"""The repository's own files keep their promises: locks, missing programs, async tests."""

import asyncio
import json
import re
import tomllib
from pathlib import Path

import pytest

from tests import requirements

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements" / "runtime.txt", ROOT / "requirements" / "dev.txt"]


def locked(lock: Path) -> dict[str, str]:
    """Name and version of each package in a lock."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(), re.MULTILINE))


def wanted(requirement: str) -> str:
    """The package's name in a requirement, as locks spell it."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_has_hashes_and_no_address(lock: Path):
    """Each package is locked with its hashes, and no registry's address is written down."""
    for entry in re.split(r"\n(?=\S)", lock.read_text().strip()):
        assert entry.startswith("#") or "--hash=sha256:" in entry
    assert "://" not in lock.read_text()


def test_every_dependency_is_locked():
    """Who changes pyproject.toml and forgets `make lock` is told here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = {wanted(line) for line in project["project"]["dependencies"]}
    dev = {wanted(line) for line in project["dependency-groups"]["dev"]}

    assert not runtime - locked(LOCKS[0]).keys()
    assert not (runtime | dev) - locked(LOCKS[1]).keys()


def test_tests_run_on_the_versions_that_users_get():
    runtime, dev = map(locked, LOCKS)

    assert runtime == {name: dev[name] for name in runtime}


def test_node_lock_has_hashes_and_no_address():
    lock = json.loads((ROOT / "tests" / "interop" / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert packages
    assert all("integrity" in package for package in packages.values())
    assert not [name for name, package in packages.items() if "resolved" in package]


def missing(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    nowhere = requirements.Requirement(lambda: "nowhere is not installed", "apt-get install nowhere")
    monkeypatch.setitem(requirements.REQUIREMENTS, "nowhere", nowhere)
    monkeypatch.setenv("CI", ci)


def test_missing_program_skips_with_one_line_that_names_the_package(monkeypatch):
    missing(monkeypatch, ci="")

    with pytest.raises(pytest.skip.Exception) as skipped:
        requirements.require("nowhere")

    assert skipped.value.msg == "nowhere is not installed: apt-get install nowhere"


def test_missing_program_fails_on_ci(monkeypatch):
    missing(monkeypatch, ci="true")

    with pytest.raises(pytest.fail.Exception, match="apt-get install nowhere"):
        requirements.require("nowhere")


def test_too_old_program_counts_as_missing(tmp_path, monkeypatch):
    program = tmp_path / "node"
    program.write_text("#!/bin/sh\necho v12.22.9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert requirements.REQUIREMENTS["node"].missing() == "node is older than version 18"


@pytest.fixture
async def loop_of_fixture():
    yield asyncio.get_running_loop()


async def test_async_test_and_its_fixtures_share_an_event_loop(loop_of_fixture):
    assert asyncio.get_running_loop() is loop_of_fixture

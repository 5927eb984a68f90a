"""Which programs a test needs: missing ones skip it on a user's machine and fail it when CI=true."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

INTEROP = Path(__file__).parent / "interop"
BRIDGE = Path(__file__).parents[1] / "bridge"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that has to be on the machine, how to see that it is, and how to get it."""

    missing: Callable[[], str | None]
    """Says in words what is missing, or None."""
    fix: str


def _program(name: str, at_least: int | None = None) -> Callable[[], str | None]:
    """A check that `name` is on the PATH, in major version `at_least` or newer."""

    def missing() -> str | None:
        path = shutil.which(name)
        if path is None:
            return f"{name} is not installed"
        if at_least is not None and _major_version(path) < at_least:
            return f"{name} is older than version {at_least}"
        return None

    return missing


def _major_version(path: str) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v=?(\d+)\.", said)
    return int(found[1]) if found else 0


def _node_packages() -> str | None:
    installed = (INTEROP / "node_modules" / ".package-lock.json").exists()
    return None if installed else "the Node packages of tests/interop are not installed"


def _bridge() -> str | None:
    if missing := _program("node", at_least=20)():
        return missing
    installed = (BRIDGE / "node_modules" / ".package-lock.json").exists()
    return None if installed else "the Node packages of bridge are not installed"


REQUIREMENTS = {
    "redis-server": Requirement(_program("redis-server", at_least=7), "apt-get install redis-server"),
    "curl": Requirement(_program("curl"), "apt-get install curl"),
    "openssl": Requirement(_program("openssl"), "apt-get install openssl"),
    "systemd-analyze": Requirement(_program("systemd-analyze"), "apt-get install systemd"),
    "node": Requirement(_program("node", at_least=18), "apt-get install nodejs npm"),
    "node-packages": Requirement(
        _node_packages, "apt-get install nodejs npm && (cd tests/interop && npm ci --ignore-scripts)"
    ),
    "promtool": Requirement(_program("promtool"), "apt-get install --no-install-recommends prometheus"),
    "chromium": Requirement(_program("chromium"), "apt-get install chromium"),
    "bridge": Requirement(_bridge, "install Node 20 or newer (nodejs.org), then: cd bridge && npm ci --ignore-scripts"),
}


@cache
def what_is_missing(name: str) -> str | None:
    """The one line that says what is missing and how to get it, or None; looked up once a run."""
    requirement = REQUIREMENTS[name]
    missing = requirement.missing()
    return None if missing is None else f"{missing}: {requirement.fix}"


def require(*names: str) -> None:
    """Go on only when everything in `names` (keys of REQUIREMENTS) is on this machine.

    Call it in a fixture, in a test, or at the top of a test file.
    """
    for name in names:
        if line := what_is_missing(name):
            _cannot_run(line)


def _cannot_run(line: str) -> NoReturn:
    # On CI a skip would be a promise that nobody checks any more, and nobody would see it.
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{line} (CI=true, so nothing may be skipped)", pytrace=False)
    pytest.skip(line, allow_module_level=True)

"""What we install is what was locked, of the versions that are known to be sound."""

import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Final

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements" / "runtime.txt", ROOT / "requirements" / "dev.txt"]
#: What an image holds: our package with all its extras.
PRODUCTION = ROOT / "requirements" / "production.txt"
OTHER_LOCKS = [
    PRODUCTION,
    *(ROOT / "requirements" / name for name in ("uv.txt", "build.txt")),
    ROOT / "benchmarks" / "requirements.txt",
]
NODE_LOCKS = [ROOT / folder / "package-lock.json" for folder in ("tests/interop", "bridge", "benchmarks")]

#: The first version without a weakness that is known to us, and which it is. Online, pip-audit and npm audit know more
#: (CONTRIBUTING.md); this is what can be held without asking anybody.
SOUND_SINCE: Final = {
    "pyjwt": ("2.13.0", "CVE-2026-48523: an allow-list of algorithms that can be got round"),
    "jinja2": ("3.1.6", "CVE-2025-27516: a way out of the sandbox"),
    "starlette": ("0.49.1", "CVE-2025-62727: a Range header that takes quadratic time"),
    "h11": ("0.16.0", "CVE-2025-43859: chunked bodies that two servers read differently"),
    "cryptography": ("44.0.1", "CVE-2024-12797: a handshake that does not fail"),
    "certifi": ("2024.7.4", "CVE-2024-39689: an authority that is trusted no more"),
    "idna": ("3.7", "CVE-2024-3651: quadratic time"),
    "urllib3": ("2.5.0", "CVE-2025-50181: redirects that were forbidden"),
    "requests": ("2.32.4", "CVE-2024-47081: a password for the wrong host"),
}
#: What must not come along, not even with another package, and why.
NEVER: Final = {
    "python-multipart": "reads forms of strangers, again and again in quadratic time (CVE-2024-24762, CVE-2024-53981)",
    "pyyaml": "nothing of ours reads YAML when it runs",
}


def locked(lock: Path) -> dict[str, str]:
    """Name and version of each package in a lock, of those that this Python gets."""
    entries = re.findall(
        r"^([a-z0-9-]+)==([^\s;]+)(?: ; (.+?))?(?: \\)?$", lock.read_text(encoding="utf-8"), re.MULTILINE
    )
    others = [name for name, _, _ in entries]
    # Where there are two of a name, each says for whom; one for another system is still locked, and held to the rest.
    return {
        name: version
        for name, version, marker in entries
        if others.count(name) == 1 or not marker or Marker(marker).evaluate()
    }


def wanted(requirement: str) -> str:
    """The package's name in a requirement, as locks spell it."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


@pytest.mark.parametrize("lock", LOCKS + OTHER_LOCKS, ids=lambda lock: f"{lock.parent.name}/{lock.name}")
def test_each_package_is_locked_by_its_hash_and_by_no_address(lock: Path) -> None:
    for entry in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip()):
        assert entry.startswith("#") or "--hash=sha256:" in entry
    assert "://" not in lock.read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=lambda lock: lock.parent.name)
def test_node_packages_too(lock: Path) -> None:
    packages = {name: one for name, one in json.loads(lock.read_text(encoding="utf-8"))["packages"].items() if name}

    assert packages
    assert all("integrity" in package for package in packages.values() if not package.get("link"))
    assert not [name for name, package in packages.items() if "resolved" in package]


def test_every_dependency_is_locked() -> None:
    """Who changes pyproject.toml and forgets `make lock` is told here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = {wanted(line) for line in project["project"]["dependencies"]}
    dev = {wanted(line) for line in project["dependency-groups"]["dev"]}

    assert not runtime - locked(LOCKS[0]).keys()
    assert not (runtime | dev) - locked(LOCKS[1]).keys()


def test_tests_run_on_the_versions_that_users_get() -> None:
    runtime, dev = map(locked, LOCKS)
    production = locked(PRODUCTION)

    assert runtime == {name: dev[name] for name in runtime} == {name: production[name] for name in runtime}
    assert production == {name: dev[name] for name in production}


def test_what_is_installed_here_is_what_was_locked() -> None:
    """Versions, that is; that the files are those of the hashes is pip's part, and the next test's."""
    dev = locked(LOCKS[1])
    installed = {wanted(found.metadata["Name"]): found.version for found in importlib.metadata.distributions()}

    assert "redis" in installed
    assert {name: version for name, version in installed.items() if dev.get(name, version) != version} == {}


def test_everything_is_installed_by_hash() -> None:
    """Each `pip install` and `npm` of the Makefile; our own package is the only one without."""
    commands = [
        line
        for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        if re.search(r"pip install|npm ", line)
    ]
    installs = [line for line in commands if re.search(r"/pip install|npm (ci|install|i) ", line)]

    assert installs
    for line in installs:
        is_ours, only_locks = "-e ." in line, "--package-lock-only" in line
        assert is_ours or only_locks or "--require-hashes" in line or "npm ci --ignore-scripts" in line, line
    assert not [line for line in installs if "-e ." in line and "--no-deps" not in line]


def test_pip_refuses_a_package_that_is_not_the_one_that_was_locked(tmp_path: Path) -> None:
    # Given a package on the shelf, and a lock with the hash of another file
    wheel = tmp_path / "honest-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("honest.py", "")
        archive.writestr("honest-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: honest\nVersion: 1.0\n")
        archive.writestr("honest-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("honest-1.0.dist-info/RECORD", "")
    lock = tmp_path / "lock.txt"

    def install(digest: str) -> "subprocess.CompletedProcess[str]":
        lock.write_text(f"honest==1.0 --hash=sha256:{digest}\n")
        return subprocess.run(
            [sys.executable, "-m", "pip", "install", "--isolated", "--no-index", "--find-links", str(tmp_path),
             "--target", str(tmp_path / "site"), "--require-hashes", "-r", str(lock)],
            capture_output=True, text=True, timeout=50, check=False,
        )  # fmt: skip

    # When it is installed as `make setup` does, it is refused; with its own hash it is not
    refused = install(hashlib.sha256(b"another file").hexdigest())
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert install(hashlib.sha256(wheel.read_bytes()).hexdigest()).returncode == 0


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_version_with_a_known_weakness_is_locked(lock: Path) -> None:
    versions = locked(lock)
    weak = {
        name: f"{versions[name]} is locked, take {since} or later ({why})"
        for name, (since, why) in SOUND_SINCE.items()
        if name in versions and numbers(versions[name]) < numbers(since)
    }

    assert versions.keys() & SOUND_SINCE.keys()
    assert weak == {}


def test_what_must_not_come_along_does_not() -> None:
    assert {name: why for name, why in NEVER.items() if name in locked(LOCKS[0])} == {}
    assert "python-multipart" not in locked(LOCKS[1])

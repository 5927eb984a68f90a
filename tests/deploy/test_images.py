"""The Dockerfiles: what they bring along is locked, what runs is nobody's root, and what they copy is there."""

import fnmatch
import re
import shlex
from pathlib import Path

import pytest

from oxyq.api.health import HEALTH_PATHS
from tests.deploy.dockerfile import IMAGES, Stage, stages
from tests.deploy.known_settings import unknown
from tests.deploy.service import ROOT

BUILD_LOCK = ROOT / "requirements" / "build.txt"


@pytest.fixture(params=sorted(IMAGES))
def image(request: pytest.FixtureRequest) -> list[Stage]:
    return stages(IMAGES[request.param])


def copied(stage: Stage) -> list[str]:
    """What a stage takes from the folder."""
    found = [shlex.split(line)[:-1] for line in stage.all("COPY")]
    return [name for names in found if not names[0].startswith("--from") for name in names]


def is_sent(path: str) -> bool:
    """Whether a file gets past .dockerignore."""
    sent = True
    for rule in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = rule.removeprefix("!")
        if rule and not rule.startswith("#") and (fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/")):
            sent = rule.startswith("!")
    return sent


def test_what_builds_an_image_is_not_in_it(image: list[Stage]) -> None:
    build, last = image

    assert build.base.removesuffix(" AS build") == last.base
    assert not re.search(r"pip|npm|strip|venv", " ".join(last.all("RUN")))
    assert not [word for word in ("ADD", "ENTRYPOINT", "ONBUILD") if build.all(word) or last.all(word)]


def test_packages_are_installed_by_hash(image: list[Stage]) -> None:
    steps = [step for stage in image for line in stage.all("RUN") for step in re.split(r"&&", line)]
    installs = [step for step in steps if re.search(r"pip (\S+ \S+ )?install|npm (ci|install)", step)]

    assert installs
    for step in installs:
        is_ours = "--no-deps dist/" in step
        assert is_ours or "--require-hashes" in step or "npm ci --omit=dev --ignore-scripts" in step, step


def test_it_runs_as_nobody_and_stops_by_sigterm(image: list[Stage]) -> None:
    last = image[-1]
    [user], [stop], [command] = last.all("USER"), last.all("STOPSIGNAL"), last.all("CMD")

    assert user.isdigit()  # Kubernetes must see that it is not root
    assert int(user) > 0
    assert stop == "SIGTERM"
    assert command.startswith("[")  # a shell in between would not pass the signal on
    assert any(path in last.health[-1] for path in HEALTH_PATHS)


def test_the_environment_is_known_and_has_no_secret(image: list[Stage]) -> None:
    names = {name for stage in image for name in stage.environment} - {"PATH"}

    assert not unknown(names)
    assert not [name for name in names if name.endswith(("SECRET", "KEY", "TOKEN", "URL"))]


def test_what_is_copied_is_there_and_is_sent(image: list[Stage]) -> None:
    for name in (name for stage in image for name in copied(stage)):
        path = ROOT / name
        assert path.exists(), name
        inside = next(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else path
        assert is_sent(str(inside.relative_to(ROOT))), name


@pytest.mark.parametrize("name", [".env", ".git/config", ".venv/bin/python", "tests/conftest.py", "bridge/test/x.mjs"])
def test_nothing_else_is_sent(name: str) -> None:
    assert not is_sent(name)


def test_npm_is_told_what_the_lock_was_made_with() -> None:
    """Without bridge/.npmrc `npm ci` refuses the lock: it would miss the peers of Baileys."""
    [settings] = [name for name in copied(stages(IMAGES["oxyq-bridge"])[0]) if Path(name).name == ".npmrc"]

    assert settings == "bridge/.npmrc"


def test_what_builds_our_package_is_locked_too() -> None:
    locked = BUILD_LOCK.read_text(encoding="utf-8")
    dev = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    versions = re.findall(r"^(\S+==\S+) ", locked, re.MULTILINE)

    assert any(version.startswith("hatchling==") for version in versions)
    assert locked.count("--hash=sha256:") >= len(versions)
    assert [version for version in versions if version.startswith("hatchling==") and version not in dev] == []
    assert "requirements/build.in" in (ROOT / "Makefile").read_text(encoding="utf-8")

"""A shop of this test's own, and processes of two releases: the one in this tree, and the one before it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import OxyqProcess, StartProcess, app, environment, start_oxyq, whatsapp
from tests.versions.previous import unpacked

__all__ = ["app", "environment", "previous_source", "releases", "start_oxyq", "whatsapp"]

SOURCE = Path(__file__).parents[2] / "src"
SCRIPT_SECONDS = 30.0


class Releases:
    """Starts processes of either release, "previous" or "this", in this test's installation."""

    def __init__(self, previous_source: Path, environment: Mapping[str, str], start_oxyq: StartProcess) -> None:
        self._sources = {"previous": previous_source, "this": SOURCE}
        self._environment = environment
        self._start_oxyq = start_oxyq

    def start(self, release: str, *arguments: str, **changes: str) -> OxyqProcess:
        """Start `oxyq ARGUMENTS`; it is ended with the test."""
        return self._start_oxyq(*arguments, PYTHONPATH=str(self._sources[release]), **changes)

    async def run(self, release: str, *arguments: str, stdin: str = "") -> str:
        """Run Python with that release to its end, and return what it printed; it must end well."""
        return await asyncio.to_thread(self._run, release, arguments, stdin)

    async def add(self, release: str, jobs: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
        """Add jobs, each (queue, payload), as a program of that release does; returns their ids."""
        lines = "".join(json.dumps({"queue": queue, "payload": payload}) + "\n" for queue, payload in jobs)
        return (await self.run(release, "-m", "tests.versions.produce", stdin=lines)).split()

    def _run(self, release: str, arguments: tuple[str, ...], stdin: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OXYQ_", "REDIS_URL"))}
        # The tests' own files come last, for the programs among them.
        path = os.pathsep.join((str(self._sources[release]), str(SOURCE.parent)))
        ended = subprocess.run(
            [sys.executable, *arguments], env={**kept, **self._environment, "PYTHONPATH": path}, input=stdin,
            capture_output=True, text=True, timeout=SCRIPT_SECONDS, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture(scope="session")
def previous_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the package of the release before this one."""
    return unpacked(tmp_path_factory.mktemp("previous"))


@pytest.fixture
def releases(previous_source: Path, environment: dict[str, str], start_oxyq: StartProcess) -> Releases:
    """Both releases, on one queue."""
    return Releases(previous_source, environment, start_oxyq)

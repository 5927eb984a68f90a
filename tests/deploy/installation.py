"""A clean checkout and a clean environment for a rehearsal, built by the platform's own command."""

import os
import shutil
import subprocess
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.deploy.service import ROOT, Service

#: Of a fresh environment: nothing of this machine's but its programs, and where its package indexes are.
_KEPT: Final = ("PIP_", "NPM_", "npm_", "SSL_", "HTTP_", "HTTPS_", "NO_PROXY", "HOME", "LANG")
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def check_out(folder: Path) -> Path:
    """What git has, and would have with the next commit, in `folder`: no caches, no environment, no packages."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        source, copy = ROOT / name, folder / name
        if source.is_file():  # what was removed is still listed
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    return folder


def build(services: Sequence[Service], checkout: Path, tell: Callable[[str], None]) -> str:
    """Run each build command once, in a fresh environment that is active, and return the PATH that has it."""
    venv.create(checkout / ".venv", with_pip=True)
    path = f"{checkout / '.venv' / 'bin'}:{SYSTEM_PATH}"
    for command, folder in dict.fromkeys((one.build, one.folder) for one in services if one.build):
        tell(f"building: {command}")
        run(command, path, checkout / folder)
    return path


def run(command: str, path: str, folder: Path, **environment: str) -> None:
    """Run one command line as the platforms do; AssertionError with the end of what it said."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    done = subprocess.run(
        ["bash", "-c", command], env={**kept, **environment, "PATH": path}, cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout[-3000:]}"

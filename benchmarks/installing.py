"""Puts the peers, at their pinned versions, into .bench-venv and benchmarks/node_modules; never into the product."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import ROOT

HERE = ROOT / "benchmarks"
PEERS_VENV = ROOT / ".bench-venv"
PEERS_PYTHON = PEERS_VENV / "bin" / "python"
NODE_MODULES = HERE / "node_modules"


def install_peers() -> list[str]:
    """Install what is not there yet; returns what did not work, one line each."""
    return [problem for problem in (_python_peers(), _node_peers()) if problem]


def _python_peers() -> str | None:
    wanted = HERE / "requirements.txt"
    venv = [sys.executable, "-m", "venv", "--clear", str(PEERS_VENV)]
    pip = [str(PEERS_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    return _install("the Python queues", PEERS_VENV, wanted, venv, [*pip, "-r", str(wanted)])


def _node_peers() -> str | None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "BullMQ for Node: node or npm is missing: apt-get install nodejs npm"
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    return _install("BullMQ for Node", NODE_MODULES, HERE / "package-lock.json", npm)


def _install(what: str, folder: Path, wanted: Path, *commands: Sequence[str]) -> str | None:
    """Run the commands unless `folder` was made from the same `wanted` before; returns what went wrong."""
    mark, digest = folder / ".ready", hashlib.sha256(wanted.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return None
    problem = _run(what, *commands)
    if problem is None:
        mark.write_text(digest)
    return problem


def _run(what: str, *commands: Sequence[str]) -> str | None:
    for command in commands:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{what}: {' '.join(command[:4])} … ended with {done.returncode}: {done.stderr.strip()[-300:]}"
    return None

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
    if _is_ready(PEERS_VENV, wanted):
        return None
    return _run(
        "the Python queues",
        [sys.executable, "-m", "venv", "--clear", str(PEERS_VENV)],
        [str(PEERS_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
         "-r", str(wanted)],
    ) or _mark_ready(PEERS_VENV, wanted)  # fmt: skip


def _node_peers() -> str | None:
    wanted = HERE / "package-lock.json"
    if _is_ready(NODE_MODULES, wanted):
        return None
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "BullMQ for Node: node or npm is missing: apt-get install nodejs npm"
    return _run(
        "BullMQ for Node", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    ) or _mark_ready(NODE_MODULES, wanted)


def _run(what: str, *commands: Sequence[str]) -> str | None:
    for command in commands:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{what}: {' '.join(command[:4])} … ended with {done.returncode}: {done.stderr.strip()[-300:]}"
    return None


def _is_ready(folder: Path, wanted: Path) -> bool:
    mark = folder / ".ready"
    return mark.exists() and mark.read_text() == _digest(wanted)


def _mark_ready(folder: Path, wanted: Path) -> None:
    (folder / ".ready").write_text(_digest(wanted))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

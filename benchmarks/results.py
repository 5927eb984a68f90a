"""What was measured, kept as JSON, so that a run of some questions leaves the results of the others as they were."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT
from benchmarks.figures import Measured
from benchmarks.harness import Bench
from benchmarks.question import Question

RESULTS = ROOT / "docs" / "performance" / "results.json"


def as_json(bench: Bench, question: Question) -> dict[str, Any]:
    """One question's part of a run, as it is kept."""
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "rounds": bench.rounds,
        "machine": machine(),
        "troubles": [f"{t.contestant}: {t.what}" for t in bench.troubles if t.question == question.name],
        "figures": {
            figure.key: {
                "title": figure.title,
                "unit": figure.unit,
                "values": {name: _in_order(rounds) for name, rounds in bench.measured[figure.key].values.items()},
            }
            for figure in question.figures
            if figure.key in bench.measured
        },
    }


def _in_order(rounds: dict[int, float]) -> dict[str, float]:
    return {str(number): round(rounds[number], 4) for number in sorted(rounds)}


def load(path: Path = RESULTS) -> dict[str, Any]:
    """All that is kept, by question."""
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept


def save(kept: dict[str, Any], path: Path = RESULTS) -> None:
    """Keep it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def measured_of(question: Question, kept: dict[str, Any]) -> dict[str, Measured]:
    """A question's kept figures, to reckon with, by key."""
    figures = kept.get(question.name, {}).get("figures", {})
    return {
        figure.key: Measured(
            figure,
            {
                name: {int(number): value for number, value in rounds.items()}
                for name, rounds in figures.get(figure.key, {}).get("values", {}).items()
            },
        )
        for figure in question.figures
    }


def machine() -> str:
    """What the figures were measured on, in one line."""
    redis, node = _first_line("redis-server", "--version"), _first_line("node", "--version")
    return (
        f"{os.cpu_count()} cores ({_processor()}), {platform.system()}, Redis {_after(redis, 'v=')}, "
        f"CPython {platform.python_version()} with uvloop {version('uvloop')}, Node {node.removeprefix('v')}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "none"


def _after(text: str, mark: str) -> str:
    return text.partition(mark)[2].partition(" ")[0] or text

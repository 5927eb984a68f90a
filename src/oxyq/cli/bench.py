"""`oxyq bench`: speed beside other queues, measured by benchmarks/ of the source tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from oxyq.cli.arguments import examples
from oxyq.cli.endings import WrongUse

#: What makes a folder the source tree, as far as measuring goes.
MARK = Path("benchmarks") / "__main__.py"


def register(program: typer.Typer) -> None:
    """Put this command into the program."""
    program.command(epilog=examples("oxyq bench --quick", "oxyq bench --only drain,enqueue --rounds 5"))(bench)


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="See in about a minute whether it works.")] = False,
    only: Annotated[
        str | None, typer.Option("--only", metavar="QUESTIONS", help="Some questions, such as drain,pickup.")
    ] = None,
    rounds: Annotated[int | None, typer.Option("--rounds", help="Turns of everybody, 3 or more.")] = None,
) -> None:
    """Measure Oxyq and other queues side by side, and write docs/performance.md (needs the source tree).

    Starts Redis servers of its own, and installs the other queues beside the source tree; REDIS_URL is not used.
    """
    folder = source_tree(Path.cwd(), Path(__file__).parents[3])
    arguments = ["--quick"] * quick
    arguments += [] if only is None else [f"--only={only}"]
    arguments += [] if rounds is None else [f"--rounds={rounds}"]
    ended = subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=folder, check=False)  # noqa: S603 - our own program
    raise typer.Exit(ended.returncode)


def source_tree(*folders: Path) -> Path:
    """The first of these that holds the benchmarks; raises WrongUse."""
    for folder in folders:
        if (folder / MARK).exists():
            return folder
    raise WrongUse(
        "the benchmarks are in Oxyq's source tree, not in the installed package; "
        "get the source (git clone, or the sdist) and run `make bench` there"
    )

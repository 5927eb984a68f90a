"""Asking before something is destroyed."""

import sys

import typer

from oxyq.cli.endings import FAILED, WrongUse
from oxyq.cli.output import plain


def must_be_sure(yes: bool, what: str) -> None:
    """Refuse at once what would have to be asked where nobody can answer; `what` is the command, without --yes."""
    if not yes and not sys.stdin.isatty():
        raise WrongUse(f"{what} destroys data, and nobody can be asked here; add --yes if you mean it")


def ask(question: str) -> None:
    """Ask on the terminal; ends the command unless the answer is yes."""
    # Not typer.confirm: it takes Ctrl-C for a "no".
    print(f"{plain(question)} [y/N]: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("Nothing was done.", file=sys.stderr)
        raise typer.Exit(FAILED)

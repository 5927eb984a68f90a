"""`oxyq completion`: the script by which a shell completes commands with Tab; nothing of it asks Redis."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Final

import typer

from oxyq.cli.arguments import examples
from oxyq.cli.output import say_block

#: By this the shell asks us what may follow, instead of running a command.
VARIABLE: Final = "_OXYQ_COMPLETE"


class Shell(StrEnum):
    """Those that we know how to talk to."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def register(program: typer.Typer) -> None:
    """Put this command into the program."""
    program.command(
        epilog=examples(
            'source <(oxyq completion bash)           # in ~/.bashrc: eval "$(oxyq completion bash)"',
            'eval "$(oxyq completion zsh)"            # in ~/.zshrc, behind compinit',
            "oxyq completion fish > ~/.config/fish/completions/oxyq.fish",
        )
    )(completion)


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell it is for.")]) -> None:
    """Print the script that completes commands, options, queues and states with Tab."""
    # Typer shows it by an option of its own only, which every help would then tell of.
    from typer._completion_shared import get_completion_script

    say_block(get_completion_script(prog_name="oxyq", complete_var=VARIABLE, shell=shell.value))


def answer_shells() -> None:
    """Get ready to answer, if it is a shell that asks."""
    if VARIABLE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()

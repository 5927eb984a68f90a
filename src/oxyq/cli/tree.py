"""Which commands there are; each is loaded when it is asked for, so that none waits for the others."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

import typer

# Typer brings a click of its own, and no other way to the commands of a group.
from typer._click.core import Command, Context
from typer._click.formatting import HelpFormatter
from typer._click.shell_completion import CompletionItem
from typer.core import TyperGroup


class Part(NamedTuple):
    """One word behind `oxyq`: the file in this folder, and what it is for, in a line.

    A file has a `group` of commands, or a function `register` that puts its commands into a program.
    """

    file: str
    about: str


PARTS: Final[Mapping[str, Part]] = {
    "api": Part("processes", "Serve the HTTP API and the board."),
    "workers": Part("processes", "Run workers: they do the queues' jobs."),
    "dev": Part("processes", "Run everything in one process, with a demo shop."),
    "doctor": Part("doctor", "Examine Redis, this machine and the settings."),
    "top": Part("top", "Watch queues, workers and numbers live."),
    "alerts": Part("alerts", "What is wrong, and who is told."),
    "enqueue": Part("enqueue", "Add jobs from a file of JSON; prints their ids."),
    "queues": Part("queues", "Look at the queues and operate them."),
    "dlq": Part("dlq", "Dead letters: jobs that failed for good."),
    "orgs": Part("organizations", "Organizations (tenants) and their settings."),
    "instances": Part("instances", "WhatsApp numbers, and the way to each."),
    "contacts": Part("contacts", "People, and what is held about them."),
    "conversations": Part("conversations", "Chats: what was said, and who answers."),
    "automations": Part("automations", "Reminders and follow-ups that wait."),
    "schedules": Part("schedules", "Messages that go out again and again."),
    "campaigns": Part("campaigns", "One text for many people, each of them once."),
    "shards": Part("shards", "Organizations on several Redis servers."),
    "snapshot": Part("snapshot", "Everything in Redis as a file, and back again."),
    "token": Part("tokens", "Let people and programs in."),
    "audit": Part("audit", "Who did what, when, to what, from where."),
    "bench": Part("bench", "Measure Oxyq and other queues side by side."),
    "simulate": Part("simulate", "A server that speaks as a gateway's real one."),
    "completion": Part("completion", "Have a shell complete commands with Tab."),
}
"""By the word, in the order in which `oxyq --help` shows them."""


class Commands(Mapping[str, Command]):
    """The commands by their words."""

    def __getitem__(self, name: str) -> Command:
        if name not in PARTS:
            raise KeyError(name)
        return _of_file(PARTS[name].file)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(PARTS)

    def __len__(self) -> int:
        return len(PARTS)


class Program(TyperGroup):
    """`oxyq` itself."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands()  # type: ignore[assignment]  # nobody adds to it later

    def shell_complete(self, ctx: Context, incomplete: str) -> list[CompletionItem]:
        """What may follow when a shell asks, out of the table too."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=part.about) for name, part in PARTS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write what there is, out of the table: nothing is loaded for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, part.about) for name, part in PARTS.items()])


@cache
def _of_file(file: str) -> Mapping[str, Command]:
    module = import_module(f"oxyq.cli.{file}")
    holder = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    if hasattr(module, "register"):
        module.register(holder)
    else:
        [(name, part)] = [(name, part) for name, part in PARTS.items() if part.file == file]
        holder.add_typer(module.group, name=name, help=part.about)
    return typer.main.get_group(holder).commands

"""`oxyq audit`: who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from oxyq.cli.arguments import AsJson, examples
from oxyq.cli.output import print_json, print_table
from oxyq.cli.session import with_app
from oxyq.cli.times import stamped

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@group.callback()
def _audit() -> None:
    """Who did what, when, to what, from where."""  # a group of one command stays a group


@group.command("list", epilog=examples("oxyq audit list --by ana", "oxyq audit list --action job --limit 500 --json"))
def list_entries(
    org: Annotated[str | None, typer.Option("--org", metavar="ID", help="Only what was about this one.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Only what this one did.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="WORD", help="Only this: job.retry, or all of a kind: job.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What was done last, newest first: by people and programs, on the board, over HTTP, on command lines."""
    from oxyq.audit import AuditEntry, Wanted

    async def work(app: App) -> list[AuditEntry]:
        found, before = list[AuditEntry](), None
        while len(found) < limit:
            page = await app.audit.page(Wanted(org, by, action), before=before, limit=min(200, limit - len(found)))
            found += page.entries
            before = page.next
            if before is None:
                break
        return found

    entries = with_app(work)
    if as_json:
        print_json([entry.to_json() for entry in entries])
        return
    print_table(
        ("at (UTC)", "by", "door", "from", "action", "outcome", "to"),
        (
            (
                stamped(entry.at_ms, "UTC"), entry.deed.by, entry.deed.door, entry.deed.address, entry.deed.action,
                entry.outcome, entry.deed.target,
            )
            for entry in entries
        ),
    )  # fmt: skip

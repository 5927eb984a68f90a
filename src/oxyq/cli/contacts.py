"""`oxyq contacts`: who wants campaigns, and who does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from oxyq.cli.arguments import AsJson, examples
from oxyq.cli.organizations import existing
from oxyq.cli.output import print_json, say
from oxyq.cli.session import with_app

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.contacts import Consent

SOURCE = "cli"

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="People, and whether campaigns may reach them.")

OrganizationId = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization's id.")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="A phone number, such as 5511999990001.")]


@group.command("opt-out", epilog=examples("oxyq contacts opt-out org_1 5511999990001"))
def opt_out(organization_id: OrganizationId, number: Number) -> None:
    """Send no more campaigns to this person; sends that wait already are skipped."""

    async def work(app: App) -> bool:
        await existing(app, organization_id)
        return await app.contacts.opt_out(organization_id, number, source=SOURCE)

    with_app(work)
    say(f"{number}: no more campaigns")


@group.command("opt-in", epilog=examples("oxyq contacts opt-in org_1 5511999990001"))
def opt_in(organization_id: OrganizationId, number: Number) -> None:
    """Let campaigns reach this person again."""

    async def work(app: App) -> bool:
        await existing(app, organization_id)
        return await app.contacts.opt_in(organization_id, number, source=SOURCE)

    say(f"{number}: campaigns may reach this person" + (" again" if with_app(work) else "; nothing kept them away"))


@group.command(epilog=examples("oxyq contacts show org_1 5511999990001 --json"))
def show(organization_id: OrganizationId, number: Number, as_json: AsJson = False) -> None:
    """Show whether campaigns may reach this person, since when, and how that came."""

    async def work(app: App) -> Consent | None:
        await existing(app, organization_id)
        return await app.contacts.consent(organization_id, number)

    consent = with_app(work)
    if as_json:
        print_json(
            {"optedOut": False, "at": None, "source": None, "words": None}
            if consent is None
            else {"optedOut": consent.is_out, "at": consent.at_ms, "source": consent.source, "words": consent.words}
        )
        return
    if consent is None:
        say(f"{number}: campaigns may reach this person, who never said anything about it")
        return
    since = datetime.fromtimestamp(consent.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    state = "no campaigns" if consent.is_out else "campaigns may reach this person"
    say(f"{number}: {state} since {since} (by {consent.source}{f', {consent.words!r}' if consent.words else ''})")

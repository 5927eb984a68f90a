"""`oxyq campaigns`: one text for many people: made, watched, steered, reported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from oxyq.cli import campaign_order as new
from oxyq.cli.arguments import AsJson, Yes, examples
from oxyq.cli.campaign_text import CampaignText, preview_text
from oxyq.cli.complete_file import complete_file
from oxyq.cli.confirm import ask
from oxyq.cli.endings import WrongUse
from oxyq.cli.organizations import existing
from oxyq.cli.output import as_json as to_json
from oxyq.cli.output import print_json, print_table, say, say_block
from oxyq.cli.progress import progress
from oxyq.cli.session import with_app
from oxyq.cli.times import stamped
from oxyq.errors import IdConflict, NotAllowed, QueueUnavailable

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.campaigns.campaign import Campaign
    from oxyq.campaigns.preview import Preview
    from oxyq.organizations import Organization

#: How often a campaign that is watched is looked at.
WATCH_SECONDS: Final = 1.0

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

CampaignId: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="The campaign's id.")]
Org: TypeAlias = Annotated[str, typer.Option("--org", metavar="ID", help="The organization's id.")]
Show: TypeAlias = Callable[[CampaignText], None]


# --- making -----------------------------------------------------------------------------------------------------


@group.command(
    epilog=examples(
        "oxyq campaigns create clients.csv --org org_1 --id sale_1 --template 'Oi {{nome|tudo bem}}!'",
        "oxyq campaigns create clients.csv --org org_1 --id sale_1 --template-file a.txt --start-at 2026-12-01T09:00",
        "oxyq campaigns create clients.csv --org org_1 --id sale_1 --template-file a.txt --meta-template promo.json",
        "export-clients | oxyq campaigns create - --format ndjson --org org_1 --id sale_1 --template 'Oi!' --draft",
    )
)
def create(
    source: new.Source,
    org: new.Org = None,
    campaign_id: new.CampaignId = None,
    template: new.Template = None,
    template_file: new.TemplateFile = None,
    meta_template: new.MetaTemplate = None,
    variables: new.Variables = None,
    instance: new.Instance = None,
    start_at: new.Start = None,
    draft: Annotated[bool, typer.Option("--draft", help="Only create it, to be started later.")] = False,
    form: new.Format = None,
    as_json: AsJson = False,
) -> None:
    """Take in all recipients and start the campaign; a mistake names its line, and then nothing is sent.

    A CSV has a header, with one column called number (or telefone, celular …); all others are variables. Creating the
    same campaign again changes nothing: nobody gets it twice.
    """
    options = new.CampaignOptions(
        org, campaign_id, template, template_file, meta_template, variables, instance, start_at
    )
    with new.ordered(source, form, options) as order:
        whose = order.content.organization_id
        is_new, campaign = with_app(lambda app: _create(app, order, draft), organization_id=whose)
    if as_json:
        print_json({"created": is_new, **campaign.overview})
        return
    if not is_new:
        say(f"{order.content.campaign_id} was created before, just like this; nobody gets it twice")
    say_block(campaign.facts())


async def _create(app: App, order: new.CampaignOrder, draft: bool) -> tuple[bool, CampaignText]:
    """Whether it is a new one, and how it stands."""
    from oxyq.campaigns.intake import CampaignIntake
    from oxyq.clock import now_ms

    org, campaign_id = order.content.organization_id, order.content.campaign_id
    organization = await existing(app, org)
    try:
        before = await app.campaigns.get(org, campaign_id)
        if before is not None and not before.is_uploaded:
            before = None  # broken off, and made anew
        filling = await CampaignIntake(app.campaigns, app.admission).open(order.dated(organization, now_ms(), before))
        await order.hand_on(filling.add)
        campaign = await filling.finish()
        if not draft:
            campaign = await app.campaign_control.launch(org, campaign_id)
    except IdConflict:
        raise NotAllowed(
            f"campaign {campaign_id} was created before, or is being created elsewhere, with other recipients, text or "
            f"settings; take another id, or see what it is: oxyq campaigns show {campaign_id} --org {org}"
        ) from None
    except QueueUnavailable as error:
        raise QueueUnavailable(f"{error}. Run the same command again: it will be one campaign") from None
    return before is None, await _told(app, campaign, organization)


@group.command(
    epilog=examples("oxyq campaigns preview clients.csv --org org_1 --id sale_1 --template 'Oi {{nome|tudo bem}}!'")
)
def preview(
    source: new.Source,
    org: new.Org = None,
    campaign_id: new.CampaignId = None,
    template: new.Template = None,
    template_file: new.TemplateFile = None,
    meta_template: new.MetaTemplate = None,
    variables: new.Variables = None,
    instance: new.Instance = None,
    start_at: new.Start = None,
    shown: Annotated[int, typer.Option("--show", min=0, max=1000, help="Show so many of the first texts.")] = 5,
    form: new.Format = None,
    as_json: AsJson = False,
) -> None:
    """Show what `create` would send to whom, and when it would be through; nothing is written and nothing is sent."""
    options = new.CampaignOptions(
        org, campaign_id, template, template_file, meta_template, variables, instance, start_at
    )

    async def work(app: App) -> tuple[Preview, str]:
        from oxyq.campaigns.preview import Previewing
        from oxyq.clock import now_ms

        organization = await existing(app, order.content.organization_id)
        now = now_ms()
        content = order.dated(organization, now)
        previewing = Previewing(content, organization, app.contacts, shown=shown)
        await order.hand_on(previewing.add)
        pace = await app.campaign_overview.pace(organization, content.instance_id)
        seen = previewing.finish(pace, now)
        return seen, preview_text(seen, pace, organization.time_zone, content.start_at or now, now)

    with new.ordered(source, form, options) as order:
        seen, text = with_app(work, organization_id=order.content.organization_id)
    if as_json:
        from oxyq.campaigns.overview import preview_json

        print_json(preview_json(seen))
    else:
        say_block(text)


# --- looking ----------------------------------------------------------------------------------------------------


@group.command("list", epilog=examples("oxyq campaigns list --org org_1"))
def list_campaigns(
    org: Org,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List an organization's campaigns of the last 30 days, newest first."""

    async def work(app: App) -> tuple[Organization, list[CampaignText]]:
        organization = await existing(app, org)
        found = await app.campaigns.latest(org, limit)
        return organization, [await _told(app, campaign, organization) for campaign in found]

    organization, found = with_app(work)
    if as_json:
        print_json({"campaigns": list[Any](one.overview for one in found)})
        return
    counts = ("recipients", "sent", "failed", "waiting")
    rows = [
        (one.overview["campaignId"], one.overview["state"], *(one.overview[name] for name in counts), one.created)
        for one in found
    ]
    print_table(("id", "state", *counts, f"created ({organization.time_zone})"), rows, counts)


@group.command(
    epilog=examples("oxyq campaigns show sale_1 --org org_1", "oxyq campaigns show sale_1 --org org_1 --watch")
)
def show(
    campaign_id: CampaignId,
    org: Org,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until it has ended; Ctrl-C ends the look only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far a campaign is, what it waits for, and when it will be through."""

    async def look(app: App) -> CampaignText:
        organization = await existing(app, org)
        return await _told(app, await app.campaign_control.find(org, campaign_id), organization)

    if not watch:
        _print(with_app(look), as_json)
        return
    with _lines(as_json) if as_json or not sys.stdout.isatty() else _screen() as shown:
        with_app(lambda app: _watch(lambda: look(app), shown))


async def _watch(look: Callable[[], Coroutine[Any, Any, CampaignText]], shown: Show) -> None:
    import asyncio

    while True:
        campaign = await look()
        shown(campaign)
        if campaign.has_ended:
            return
        await asyncio.sleep(WATCH_SECONDS)


@contextmanager
def _screen() -> Iterator[Show]:
    """For people: always the latest, in the same place."""
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        yield lambda campaign: live.update(Text(campaign.facts()), refresh=True)


@contextmanager
def _lines(as_json: bool) -> Iterator[Show]:
    """For logs and programs: a line each time that something happened."""
    told = dict[str, object]()

    def shown(campaign: CampaignText) -> None:
        nonlocal told
        if campaign.news == told:
            return
        told = {**campaign.news}
        line = f"{stamped(campaign.now_ms, campaign.time_zone)} {campaign.line()}"
        say(to_json({**campaign.overview}) if as_json else line)
        sys.stdout.flush()  # who reads it waits for it now

    yield shown


# --- steering ---------------------------------------------------------------------------------------------------


@group.command(epilog=examples("oxyq campaigns start sale_1 --org org_1"))
def start(campaign_id: CampaignId, org: Org, as_json: AsJson = False) -> None:
    """Start a draft, at its time if it has one."""
    _steer(org, as_json, lambda app: app.campaign_control.start(org, campaign_id))


@group.command(epilog=examples("oxyq campaigns pause sale_1 --org org_1"))
def pause(campaign_id: CampaignId, org: Org, as_json: AsJson = False) -> None:
    """Send nothing more until it is resumed; only what is on its way in this moment still goes out."""
    _steer(org, as_json, lambda app: app.campaign_control.pause(org, campaign_id))


@group.command(epilog=examples("oxyq campaigns resume sale_1 --org org_1"))
def resume(campaign_id: CampaignId, org: Org, as_json: AsJson = False) -> None:
    """Go on with a paused campaign where it was."""
    _steer(org, as_json, lambda app: app.campaign_control.resume(org, campaign_id))


@group.command(
    epilog=examples("oxyq campaigns cancel sale_1 --org org_1", "oxyq campaigns cancel sale_1 --org org_1 --yes")
)
def cancel(campaign_id: CampaignId, org: Org, yes: Yes = False, as_json: AsJson = False) -> None:
    """End a campaign for good: who has not got it yet never will."""

    def question(campaign: Campaign) -> str | None:
        from oxyq.campaigns.campaign import MOVES
        from oxyq.campaigns.progress import progress

        waiting = f"{progress(campaign).waiting:,}"
        return (
            f"Cancel {campaign_id} for good? {waiting} recipients never get it."
            if campaign.state in MOVES["cancel"]
            else None
        )

    _be_sure(org, campaign_id, yes, "cancelling a campaign", question)
    _steer(org, as_json, lambda app: app.campaign_control.cancel(org, campaign_id))


@group.command("resend-failed", epilog=examples("oxyq campaigns resend-failed sale_1 --org org_1"))
def resend_failed(campaign_id: CampaignId, org: Org, yes: Yes = False, as_json: AsJson = False) -> None:
    """Send a completed campaign once more to those it failed for; never to anybody who may have got it."""

    def question(campaign: Campaign) -> str | None:
        from oxyq.campaigns.campaign import MOVES

        failed = campaign.statuses["failed"]
        is_possible = failed and campaign.state in MOVES["resend"]
        return f"Send {campaign_id} once more to {failed:,} recipients it failed for?" if is_possible else None

    _be_sure(org, campaign_id, yes, "sending a campaign once more", question)
    _steer(org, as_json, lambda app: app.campaign_control.resend_failed(org, campaign_id))


def _be_sure(org: str, campaign_id: str, yes: bool, what: str, question: Callable[[Campaign], str | None]) -> None:
    """Ask with the numbers before what cannot be taken back; not about what will be refused anyway (no question)."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUse(f"{what} cannot be taken back, and nobody can be asked here; add --yes if you mean it")
    asked = question(with_app(lambda app: app.campaign_control.find(org, campaign_id), is_deed=False))
    if asked is not None:
        ask(asked)


def _steer(org: str, as_json: bool, act: Callable[[App], Coroutine[Any, Any, Campaign]]) -> None:
    async def work(app: App) -> CampaignText:
        organization = await existing(app, org)
        return await _told(app, await act(app), organization)

    campaign = with_app(work)
    if as_json:
        print_json({**campaign.overview})
    else:
        say(campaign.line())


# --- reporting --------------------------------------------------------------------------------------------------


class ReportForm(StrEnum):
    """How a report is written."""

    csv = "csv"
    ndjson = "ndjson"


@group.command(
    epilog=examples(
        "oxyq campaigns report sale_1 --org org_1 --output report.csv",
        "oxyq campaigns report sale_1 --org org_1 --format ndjson | grep failed",
    )
)
def report(
    campaign_id: CampaignId,
    org: Org,
    form: Annotated[ReportForm, typer.Option("--format", help="How to write it.")] = ReportForm.csv,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Write it there, once it is complete.")
    ] = None,
) -> None:
    """Write a line for each recipient: what became of it, when, and why."""
    if output is None:
        with_app(lambda app: _report(app, org, campaign_id, form, _to_standard_output))
        return
    with complete_file(output) as file:
        with_app(lambda app: _report(app, org, campaign_id, form, file.write))
    say(f"the report of {campaign_id} is in {output}")


async def _report(app: App, org: str, campaign_id: str, form: ReportForm, write: Callable[[str], object]) -> None:
    import asyncio

    from oxyq.campaigns.report import report as pieces

    await existing(app, org)
    campaign = await app.campaign_control.find(org, campaign_id)
    with progress("lines written") as shown:
        async for piece in pieces(app.campaigns, campaign, "csv" if form is ReportForm.csv else "ndjson"):
            await asyncio.to_thread(write, piece)  # a pipe may keep us waiting
            if write is not _to_standard_output or not sys.stdout.isatty():
                shown.advance(piece.count("\n"))


def _to_standard_output(piece: str) -> None:
    if sys.stdout.isatty():
        say_block(piece.replace("\r\n", "\n").removesuffix("\n"))  # strangers wrote it, and terminals obey
    else:
        sys.stdout.write(piece)


# --- what they share --------------------------------------------------------------------------------------------


async def _told(app: App, campaign: Campaign, organization: Organization) -> CampaignText:
    from oxyq.clock import now_ms

    return CampaignText(await app.campaign_overview.of(campaign, organization), organization.time_zone, now_ms())


def _print(campaign: CampaignText, as_json: bool) -> None:
    if as_json:
        print_json({**campaign.overview})
    else:
        say_block(campaign.facts())

"""`oxyq automations`: what waits for its time: seen, withdrawn, moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from oxyq.cli.arguments import AsJson, examples
from oxyq.cli.endings import WrongUse
from oxyq.cli.entries import read_value
from oxyq.cli.organizations import existing
from oxyq.cli.output import note, print_json, print_table, say
from oxyq.cli.session import with_app
from oxyq.cli.times import StartAt, stamped
from oxyq.errors import InvalidPayload

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.automations.waiting import Page
    from oxyq.jobs import Automation
    from oxyq.organizations import Organization

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Org: TypeAlias = Annotated[str, typer.Option("--org", metavar="ID", help="The organization's id.")]
Number: TypeAlias = Annotated[
    str | None, typer.Option("--number", metavar="NUMBER", help="Only to this person, such as 5511999990001.")
]


@group.command("list", epilog=examples("oxyq automations list --org org_1"))
def list_automations(
    org: Org,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what waits, soonest first; never what it says."""

    async def work(app: App) -> tuple[Organization, Page]:
        from oxyq.automations.waiting import WaitingAutomations

        organization = await existing(app, org)
        return organization, await WaitingAutomations(app.queues["automation"]).page(org, limit=limit)

    organization, page = with_app(work)
    if as_json:
        automations = [
            {
                "jobId": one.job_id,
                "automationId": one.automation.automation_id,
                "type": one.automation.type,
                "recipientNumber": one.automation.recipient_number,
                "dueAt": one.due_ms,
                "scheduleId": one.schedule_id,
                "metadata": one.automation.metadata,
            }
            for one in page.found
        ]
        print_json({"automations": list[Any](automations), "complete": page.next_place is None})
        return
    rows = [
        (
            stamped(one.due_ms, organization.time_zone),
            one.automation.recipient_number,
            one.automation.type,
            one.schedule_id or "",
            one.automation.automation_id,
        )
        for one in page.found
    ]
    print_table((f"due ({organization.time_zone})", "number", "type", "schedule", "id"), rows)
    if page.next_place is not None:
        note("there may be more; see them with --limit")


@group.command(
    epilog=examples(
        "oxyq automations withdraw --org org_1 --id auto_001",
        "oxyq automations withdraw --org org_1 --metadata bookingId=booking_123",
    )
)
def withdraw(
    org: Org,
    automation_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="The automation's id.")] = None,
    metadata: Annotated[
        str | None, typer.Option("--metadata", metavar="NAME=VALUE", help="What stands in its metadata.")
    ] = None,
    number: Number = None,
    as_json: AsJson = False,
) -> None:
    """Send none of those that fit all that is given and were added until now; the same may be added again."""
    from oxyq.automations.selection import Selection
    from oxyq.jobs import parse_new

    given: dict[str, object] = {"automationId": automation_id, "metadata": _pair(metadata), "recipientNumber": number}
    try:
        selection = parse_new(Selection, {name: value for name, value in given.items() if value is not None})
    except InvalidPayload as error:
        raise WrongUse(f"{_OPTIONS.get(error.field, error.field)}: {error.problem}") from None

    async def work(app: App) -> int:
        await existing(app, org)
        return await app.automation_control.withdraw(org, selection)

    removed = with_app(work)
    if as_json:
        print_json({"removed": removed})
        return
    say(f"withdrawn; {removed} taken out of the queue at once, and any other that fits is not sent when its time comes")


@group.command(
    epilog=examples(
        "oxyq automations reschedule auto_001 --at 2026-12-01T09:00 --org org_1",
        "oxyq automations reschedule auto_001 --at +2h --org org_1 --from reminder.json",
    )
)
def reschedule(
    automation_id: Annotated[str, typer.Argument(metavar="ID", help="The automation's id.")],
    org: Org,
    at: Annotated[
        StartAt,
        typer.Option(
            "--at",
            parser=StartAt.parse,
            metavar="TIME",
            help="When to send it: 2026-12-01T09:00 by the organization's clock, or +2h.",
        ),
    ],
    number: Number = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="All of it anew, as JSON; - for a pipe. Then it need not wait."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send an automation at another time, to each of its recipients or one of them."""
    anew = None if source is None else _anew(source, org, automation_id)
    if anew is not None and number is not None:
        raise WrongUse("--number: is said by the file already; leave one out")

    async def work(app: App) -> tuple[Organization, int, list[str]]:
        from oxyq.clock import now_ms

        organization = await existing(app, org)
        try:
            at_ms = at.on_clock(organization.time_zone, now_ms())
        except WrongUse as error:
            raise WrongUse(str(error).replace("--start-at", "--at")) from None
        recipient = None if number is None else _digits(number)
        control = app.automation_control
        ids = await control.reschedule(org, automation_id, at_ms, recipient_number=recipient, automation=anew)
        return organization, at_ms, ids

    organization, at_ms, ids = with_app(work)
    if as_json:
        print_json({"ids": list[Any](ids), "scheduledFor": at_ms})
        return
    people = "1 recipient" if len(ids) == 1 else f"{len(ids)} recipients"
    say(f"{automation_id}: to {people} at {stamped(at_ms, organization.time_zone)} ({organization.time_zone})")


#: Which option holds a field.
_OPTIONS = {"automationId": "--id", "metadata": "--metadata", "recipientNumber": "--number"}


def _pair(written: str | None) -> dict[str, str] | None:
    if written is None:
        return None
    name, equals, value = written.partition("=")
    if not equals:
        raise WrongUse(f"--metadata: {name[:40]!r} has no value; write name=value")
    return {name: value}


def _digits(number: str) -> str:
    from oxyq.numbers import normalize_number

    return normalize_number(number)


def _anew(source: str, org: str, automation_id: str) -> Automation:
    from oxyq.jobs import Automation, parse_new

    anew = parse_new(Automation, read_value(source))  # type: ignore[arg-type]  # it says so if it is no object
    for field, said, known in (
        ("organizationId", anew.organization_id, org),
        ("automationId", anew.automation_id, automation_id),
    ):
        if said != known:
            raise InvalidPayload(field, f"is not {known}, which was asked for; correct one of the two")
    return anew

"""`oxyq schedules`: messages that go out again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from oxyq.cli.arguments import AsJson, examples
from oxyq.cli.entries import read_value
from oxyq.cli.organizations import existing
from oxyq.cli.output import print_json, print_table, say
from oxyq.cli.session import with_app
from oxyq.cli.times import stamped
from oxyq.errors import NotFound

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.automations.schedules import SavedSchedule
    from oxyq.organizations import Organization
    from oxyq.outcomes import JsonValue

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Org: TypeAlias = Annotated[str, typer.Option("--org", metavar="ID", help="The organization's id.")]
ScheduleId: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="The schedule's id.")]


@group.command("set", epilog=examples("oxyq schedules set weekly.json", "make-schedule | oxyq schedules set -"))
def set_schedule(
    source: Annotated[str, typer.Argument(metavar="FILE", help="A JSON file, or - for standard input.")],
    as_json: AsJson = False,
) -> None:
    """Store one schedule, in place of what was there.

    \b
    {"id": "weekly", "organizationId": "org_1", "cron": "0 9 * * 1", "timeZone": "America/Sao_Paulo",
     "automation": {"type": "reminder", "recipientNumber": "5511999990001", "content": "Bom dia!"}}

    Instead of cron: everySeconds. Also: startsAt, endsAt (ms since 1970), limit. Without timeZone, cron goes by the
    organization's clock.
    """
    from oxyq.automations.schedule import Schedule
    from oxyq.jobs import parse_new

    schedule = parse_new(Schedule, read_value(source))  # type: ignore[arg-type]  # it says so if it is no object

    async def work(app: App) -> tuple[Organization, SavedSchedule]:
        organization = await existing(app, schedule.organization_id)
        return organization, await app.automation_schedules.save(schedule, organization)

    organization, saved = with_app(work, organization_id=schedule.organization_id)
    if as_json:
        print_json(_told(saved))
    else:
        say(f"{schedule.id}: saved; it runs next {_next(saved, organization)}")


@group.command("list", epilog=examples("oxyq schedules list --org org_1"))
def list_schedules(org: Org, as_json: AsJson = False) -> None:
    """List an organization's schedules."""

    async def work(app: App) -> tuple[Organization, list[SavedSchedule]]:
        return await existing(app, org), await app.automation_schedules.list(org)

    organization, found = with_app(work)
    if as_json:
        print_json({"schedules": [_told(saved) for saved in found]})
        return
    rows = [
        (
            _next(saved, organization),
            saved.schedule.cron or f"every {saved.schedule.every_seconds} s",
            saved.schedule.automation.recipient_number,
            saved.schedule.id,
        )
        for saved in found
    ]
    print_table((f"next ({organization.time_zone})", "when", "number", "id"), rows)


@group.command(epilog=examples("oxyq schedules remove weekly --org org_1"))
def remove(schedule_id: ScheduleId, org: Org) -> None:
    """Send it no more, also what waits for the end of quiet hours."""

    async def work(app: App) -> bool:
        await existing(app, org)
        return await app.automation_schedules.remove(org, schedule_id)

    if not with_app(work):
        raise NotFound(f"there is no schedule {schedule_id}; list them with: oxyq schedules list --org {org}")
    say(f"{schedule_id}: removed")


@group.command(epilog=examples("oxyq schedules run weekly --org org_1"))
def run(schedule_id: ScheduleId, org: Org, as_json: AsJson = False) -> None:
    """Send it once besides its times; asked for twice within a minute, it is one run. Prints the job's id."""

    async def work(app: App) -> str:
        await existing(app, org)
        return await app.automation_schedules.run_now(org, schedule_id)

    job_id = with_app(work)
    if as_json:
        print_json({"queue": "automation", "id": job_id})
    else:
        say(job_id)


def _next(saved: SavedSchedule, organization: Organization) -> str:
    return "never" if saved.next_ms is None else stamped(saved.next_ms, organization.time_zone)


def _told(saved: SavedSchedule) -> dict[str, JsonValue]:
    from oxyq.jobs import wire

    return {**wire(saved.schedule), "nextAt": saved.next_ms}

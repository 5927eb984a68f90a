"""`oxyq enqueue`: jobs from JSON files, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxyq.cli.arguments import AsJson, duration_option, examples
from oxyq.cli.durations import Duration
from oxyq.cli.endings import WrongUse
from oxyq.cli.entries import Entry, read_entries
from oxyq.cli.output import print_json, say
from oxyq.cli.progress import progress
from oxyq.cli.session import settings_of_this_process, with_app
from oxyq.errors import IdConflict, InvalidPayload, QueueUnavailable, QuotaExceeded

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.jobs import Payload

#: Entries with problems that are told at once.
SHOWN_PROBLEMS = 10
#: Jobs that are under way to Redis at once.
CHUNK = 200

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Source = Annotated[str, typer.Argument(metavar="FILE", help="A JSON file, or - for standard input.")]


@dataclass(frozen=True, slots=True)
class _Checked:
    place: str
    payload: Payload


@group.command(epilog=examples("oxyq enqueue message messages.json", "generate | oxyq enqueue message -"))
def message(source: Source, as_json: AsJson = False) -> None:
    """Add incoming messages, to be answered."""
    from oxyq.jobs import InboundMessage

    async def add(app: App, payload: Payload) -> str:
        assert isinstance(payload, InboundMessage)  # noqa: S101 - _checked made it
        return await app.producer.add_message_job(payload)

    _enqueue("message", _checked(InboundMessage, read_entries(source)), add, as_json)


@group.command(
    epilog=examples("oxyq enqueue automation reminder.json", "oxyq enqueue automation reminder.json --delay 2h")
)
def automation(
    source: Source,
    delay: Annotated[
        Duration | None, duration_option("--delay", help="Send in 90s, 30m, 2h … instead of at scheduledFor or now.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add reminders and follow-ups, sent at their scheduledFor, in --delay, or now."""
    from oxyq.jobs import Automation

    async def add(app: App, payload: Payload) -> str:
        assert isinstance(payload, Automation)  # noqa: S101 - _checked made it
        return await app.producer.add_automation_job(payload, delay_ms=None if delay is None else delay.milliseconds)

    checked = _checked(Automation, read_entries(source))
    if delay is not None:
        for entry in checked:
            if isinstance(entry.payload, Automation) and entry.payload.scheduled_for is not None:
                raise InvalidPayload(_at(entry.place, "scheduledFor"), "is a time, and --delay is another; keep one")
    _enqueue("automation", checked, add, as_json)


@group.command(epilog=examples("oxyq enqueue campaign campaign.json"))
def campaign(source: Source, as_json: AsJson = False) -> None:
    """Add campaigns, sent to each recipient once."""
    from oxyq.jobs import CampaignRequest

    async def add(app: App, payload: Payload) -> str:
        assert isinstance(payload, CampaignRequest)  # noqa: S101 - _checked made it
        return await app.producer.add_campaign_job(payload)

    _enqueue("campaign", _checked(CampaignRequest, read_entries(source)), add, as_json)


def _checked(model: type[Payload], entries: Sequence[Entry]) -> list[_Checked]:
    """Every entry as a payload; raises InvalidPayload naming the entries and fields that are wrong."""
    from oxyq.jobs import parse_new

    checked, problems = list[_Checked](), list[tuple[str, str]]()
    for entry in entries:
        try:
            # parse_new says so when it is no object.
            checked.append(_Checked(entry.place, parse_new(model, entry.value)))  # type: ignore[arg-type]  # it says so if it is no object
        except InvalidPayload as error:
            problems += [(_at(entry.place, field), problem) for field, problem in error.problems]
    _refuse(problems)
    _refuse(_contradictions(checked))
    return checked


def _contradictions(checked: Sequence[_Checked]) -> list[tuple[str, str]]:
    """Entries that claim the id of another entry of the same file for other data."""
    first: dict[str, _Checked] = {}
    problems = []
    for entry in checked:
        before = first.setdefault(entry.payload.job_id(), entry)
        if before is not entry and before.payload.fingerprint() != entry.payload.fingerprint():
            problems.append((entry.place, f"has the id of {before.place} and other data; change one of the two"))
    return problems


def _enqueue(
    queue: str, checked: Sequence[_Checked], add: Callable[[App, Payload], Coroutine[Any, Any, str]], as_json: bool
) -> None:
    async def work(app: App) -> list[str]:
        import asyncio

        _refuse(await _taken(app, queue, checked))
        ids = list[str]()
        with progress("jobs added", len(checked)) as shown:
            for start in range(0, len(checked), CHUNK):
                chunk = checked[start : start + CHUNK]
                try:
                    ids += await asyncio.gather(*(add(app, entry.payload) for entry in chunk))
                except (QueueUnavailable, QuotaExceeded) as error:
                    raise QueueUnavailable(
                        f"{error}; {len(ids)} of {len(checked)} jobs are added for certain. Run the same command "
                        "again: what was added stays one job"
                    ) from None
                shown.at(len(ids))
        return ids

    ids = with_app(work, organization_id=_only_organization(checked))
    if as_json:
        print_json({"queue": queue, "ids": list[Any](ids)})
    else:
        for job_id in ids:
            say(job_id)


def _only_organization(checked: Sequence[_Checked]) -> str | None:
    """Whose jobs these are, by which their server is found; raises WrongUse when several servers may be meant."""
    organizations = {getattr(entry.payload, "organization_id", None) for entry in checked}
    if len(organizations) <= 1 or settings_of_this_process().redis_shards is None:
        return next(iter(organizations), None)
    raise WrongUse("the file has jobs of several organizations, which may be on several shards; give one file for each")


async def _taken(app: App, queue: str, checked: Sequence[_Checked]) -> list[tuple[str, str]]:
    """Entries whose id was accepted before with other data: known beforehand, so that nothing is added at all."""
    import asyncio

    keys = app.queues[queue].keys
    await app.hub.commands.ready(app.queues[queue].patience_seconds)
    problems = []
    for start in range(0, len(checked), CHUNK):
        chunk = checked[start : start + CHUNK]
        known = await asyncio.gather(
            *(app.hub.commands.call("GET", keys.accepted_key(entry.payload.job_id())) for entry in chunk)
        )
        for entry, fingerprint in zip(chunk, known, strict=True):
            if isinstance(fingerprint, bytes) and fingerprint.decode() != entry.payload.fingerprint():
                problems.append(_split(entry.place, str(IdConflict(entry.payload.job_id()))))
    return problems


def _refuse(problems: list[tuple[str, str]]) -> None:
    if problems:
        (field, problem), *more = problems[:SHOWN_PROBLEMS]
        if len(problems) > SHOWN_PROBLEMS:
            more.append(("…", f"and {len(problems) - SHOWN_PROBLEMS} more problems"))
        raise InvalidPayload(field, problem, more)


def _at(place: str, field: str) -> str:
    return f"{place}, {field}" if place else field


def _split(place: str, message: str) -> tuple[str, str]:
    job_id, _, problem = message.partition(": ")
    return _at(place, job_id), problem

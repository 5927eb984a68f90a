"""`oxyq dlq`: looking through the dead letters, putting their jobs back to work, throwing them away."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from oxyq.cli.arguments import AsJson, DryRun, Yes, duration_option, examples, nearest, queues_beginning
from oxyq.cli.confirm import ask, must_be_sure
from oxyq.cli.durations import Duration
from oxyq.cli.endings import FAILED, WrongUse
from oxyq.cli.entries import read_value
from oxyq.cli.output import as_json as to_json
from oxyq.cli.output import complain, print_json, print_table, say, say_block, warn
from oxyq.cli.progress import progress
from oxyq.cli.session import with_app
from oxyq.errors import InvalidPayload
from oxyq.queues import POLICIES

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.dead_letters import DeadLetter, Filter
    from oxyq.outcomes import JsonValue

    Wanted: TypeAlias = Sequence[str | DeadLetter] | Filter

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", show_default=False, help="The letters' ids.")]
All = Annotated[bool, typer.Option("--all", help="All letters that fit the filters.")]


def _looked_at(queue: str | None) -> str | None:
    """Letters may be of anybody's queues; but a name that is none of ours is a slip more often than not."""
    if queue is not None and queue not in POLICIES:
        warn(f"no queue of ours is called {queue[:40]!r}; {nearest(queue, POLICIES)}")
    return queue


OfQueue = Annotated[
    str | None,
    typer.Option("--queue", callback=_looked_at, autocompletion=queues_beginning, help="Only of jobs of this queue."),
]
OfOrganization = Annotated[str | None, typer.Option("--org", metavar="ID", help="Only of this organization.")]
OfKind = Annotated[
    str | None,
    typer.Option(
        "--kind",
        help="Only so given up: exhausted, rejected, discarded, crashed, malformed, failed-elsewhere, by-hand.",
    ),
]
OfReason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Only with this text in the reason.")]
OlderThan = Annotated[Duration | None, duration_option("--older-than", help="Only older ones: 7d, 12h, 90s …")]


# --- looking ----------------------------------------------------------------------------------------------------


@group.command("list", epilog=examples("oxyq dlq list", "oxyq dlq list --queue campaign --older-than 2d --json"))
def list_letters(
    queue: OfQueue = None,
    org: OfOrganization = None,
    kind: OfKind = None,
    reason: OfReason = None,
    older_than: OlderThan = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0: all.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first."""
    from oxyq.dead_letters import when

    wanted = _filter(queue, org, kind, reason, older_than)
    letters = with_app(lambda app: _found(app, wanted, limit + 1 if limit else 0))
    shown = letters[:limit] if limit else letters
    if as_json:
        print_json({"deadLetters": list[Any](letter.to_json() for letter in shown), "more": len(letters) > len(shown)})
        return
    print_table(
        ("id", "kind", "organization", "failed at (UTC)", "attempts", "reason"),
        [
            (one.id, one.kind, one.organization_id or "–", when(one.failed_ms), one.attempts_made, one.reason)
            for one in shown
        ],
        numbers=("attempts",),
    )
    if len(letters) > len(shown):
        warn(f"only the oldest {limit} are shown; see all with --limit 0")


@group.command(epilog=examples("oxyq dlq show dlq-message-msg-0d1b8c6f2ab74c7e9d2f5b6a1c3e4f50"))
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The letter's id.")], as_json: AsJson = False
) -> None:
    """Show one dead letter: the job, every attempt, every replay, its data."""

    async def work(app: App) -> DeadLetter:
        return await app.dead_letters.get(letter_id)

    letter = with_app(work)
    if as_json:
        print_json(letter.to_json())
    else:
        _print_letter(letter)


def _print_letter(letter: DeadLetter) -> None:
    from oxyq.dead_letters import when

    facts = {
        "id": letter.id,
        "queue": letter.queue,
        "job id": letter.job_id,
        "job name": letter.job_name,
        "organization": letter.organization_id or "–",
        "kind": letter.kind,
        "reason": letter.reason,
        "failed at": f"{when(letter.failed_ms)} UTC",
        "attempts": f"{letter.attempts_made}",
        "replays": f"{len(letter.replays)}",
    }
    for name, value in facts.items():
        say(f"{name + ':':<14}{value}")
    for title, events in (("attempts", letter.attempts), ("replays", letter.replays)):
        if events:
            say_block(f"\n{title}")
        for event in events:
            say(f"  {_told(event)}")
    say_block("\ndata" if letter.is_readable else "\ndata, which cannot be read as a job")
    say_block(to_json(letter.data if letter.is_readable else letter.raw, indent=2))


def _told(event: JsonValue) -> str:
    """One attempt or replay on one line."""
    from oxyq.dead_letters import when

    if not isinstance(event, dict):
        return to_json(event)
    at = event.get("at")
    said = [f"{name} {to_json(value) if not isinstance(value, str) else value}" for name, value in event.items()
            if name != "at"]  # fmt: skip
    return "  ".join((when(at) if isinstance(at, int) else "–", *said))


# --- acting -----------------------------------------------------------------------------------------------------


@group.command(
    epilog=examples(
        "oxyq dlq replay dlq-message-msg-0d1b8c6f2ab74c7e9d2f5b6a1c3e4f50",
        "oxyq dlq replay --all --queue campaign --reason timeout --dry-run",
        "oxyq dlq replay dlq-message-msg-0d1b8c6f2ab74c7e9d2f5b6a1c3e4f50 --data corrected.json",
    )
)
def replay(
    ids: Ids = None,
    all_letters: All = False,
    queue: OfQueue = None,
    org: OfOrganization = None,
    kind: OfKind = None,
    reason: OfReason = None,
    older_than: OlderThan = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="FILE", help="New data for the one job: a JSON file, or -.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put the jobs of dead letters back to work under their old ids, with all their attempts."""
    wanted = _chosen(ids, all_letters, _filter(queue, org, kind, reason, older_than))
    if data is not None and (all_letters or len(ids or ()) != 1):
        raise WrongUse("--data replaces the data of one job; give exactly one ID with it")
    body = None if data is None else _new_data(data)
    from oxyq.operating.dead_letter_actions import check_data

    async def act(app: App, letter: DeadLetter) -> str | None:
        if body is not None:
            check_data(letter, body)
        elif not letter.is_readable:
            return "cannot be read as a job; replay it alone, with --data"
        if dry_run:
            return None
        done = await app.dead_letters.replay(letter, data=body, by=_who())
        return None if done else "is waiting or running again already"

    done, left = with_app(lambda app: _act(app, wanted, act))
    _tell("would be replayed" if dry_run else "replayed", done, left, as_json, dry_run)


@group.command(epilog=examples("oxyq dlq purge --all --older-than 90d", "oxyq dlq purge --all --org org_1 --yes"))
def purge(
    ids: Ids = None,
    all_letters: All = False,
    queue: OfQueue = None,
    org: OfOrganization = None,
    kind: OfKind = None,
    reason: OfReason = None,
    older_than: OlderThan = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Throw dead letters away for good."""
    wanted = _chosen(ids, all_letters, _filter(queue, org, kind, reason, older_than))
    if not dry_run:
        must_be_sure(yes, "purging dead letters")
    if not (dry_run or yes):
        # What was counted is what will be purged: letters that come while we ask stay.
        wanted = with_app(lambda app: _letters(app, wanted), is_deed=False)
        ask(f"Throw {len(wanted)} dead letters away for good?")

    async def act(app: App, letter: DeadLetter) -> str | None:
        return None if dry_run or await app.dead_letters.purge(letter) else "is gone already"

    done, left = with_app(lambda app: _act(app, wanted, act))
    _tell("would be purged" if dry_run else "purged", done, left, as_json, dry_run)


def _filter(
    queue: str | None, org: str | None, kind: str | None, reason: str | None, older_than: Duration | None
) -> Filter:
    from oxyq.clock import now_ms
    from oxyq.dead_letters import Filter

    until = None if older_than is None else now_ms() - round(older_than * 1000)
    return Filter(queue=queue, organization_id=org, kind=kind, reason=reason, until=until)


def _chosen(ids: list[str] | None, all_letters: bool, wanted: Filter) -> Wanted:
    """Which letters are meant; refuses what is ambiguous or too much by accident."""
    filtered = any(value is not None for value in (
        wanted.queue, wanted.organization_id, wanted.kind, wanted.reason, wanted.until
    ))  # fmt: skip
    if ids and (all_letters or filtered):
        raise WrongUse("give either IDs or --all with filters, not both")
    if not ids and not all_letters:
        raise WrongUse("give the IDs of the letters, or --all" + (" with the filters" if filtered else ""))
    return list(dict.fromkeys(ids)) if ids else wanted


async def _letters(app: App, wanted: Wanted) -> list[DeadLetter]:
    """The letters that are meant; raises NotFound before anything is done to any of them."""
    if not isinstance(wanted, Sequence):
        return await _found(app, wanted, 0)
    return [await app.dead_letters.get(one) if isinstance(one, str) else one for one in wanted]


async def _found(app: App, wanted: Filter, limit: int) -> list[DeadLetter]:
    letters = list["DeadLetter"]()
    async for letter in app.dead_letters.find(wanted):
        letters.append(letter)
        if len(letters) == limit:
            break
    return letters


async def _act(
    app: App,
    wanted: Wanted,
    act: Callable[[App, DeadLetter], Coroutine[Any, Any, str | None]],
) -> tuple[list[str], dict[str, str]]:
    """Do it to each letter; returns the ids it was done to, and why it was not to others."""
    done, left = list[str](), dict[str, str]()
    letters = await _letters(app, wanted)
    with progress("letters done or left", len(letters)) as shown:
        for letter in letters:
            if why := await act(app, letter):
                left[letter.id] = why
            else:
                done.append(letter.id)
            shown.advance()
    return done, left


def _tell(verb: str, done: Sequence[str], left: dict[str, str], as_json: bool, dry_run: bool) -> None:
    if as_json:
        print_json(
            {
                "done": list[Any](done),
                "left": list[Any]({"id": letter_id, "why": why} for letter_id, why in left.items()),
                "dryRun": dry_run,
            }
        )
    else:
        for letter_id in done:
            say(f"{verb} {letter_id}")
        say(f"{len(done)} {verb}" + (f", {len(left)} left" if left else ""))
        complain(*(f"{letter_id} {why}" for letter_id, why in left.items()))
    if left:
        raise typer.Exit(FAILED)


def _new_data(source: str) -> dict[str, JsonValue]:
    body = read_value(source)
    if not isinstance(body, dict):
        raise InvalidPayload("data", "must be a JSON object, the whole data of the job")
    return body


def _who() -> str:
    """Who replays, for the record: the user of this machine."""
    import os
    import pwd

    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"

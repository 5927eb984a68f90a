"""`oxyq queues`: looking at the queues and operating them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxyq.cli.arguments import AsJson, QueueNames, Yes, duration_option, examples
from oxyq.cli.confirm import ask, must_be_sure
from oxyq.cli.durations import Duration
from oxyq.cli.output import print_json, print_table, say
from oxyq.cli.progress import progress
from oxyq.cli.session import with_app
from oxyq.queues import DEAD_LETTER

if TYPE_CHECKING:  # so that `--help` loads none of it
    from collections.abc import AsyncIterator

    from oxyq.app import App
    from oxyq.engine.queue import Queue
    from oxyq.maintenance.clean import Cleaned

#: Ids of dead letters read per call when they are counted.
PAGE = 10_000

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class State(StrEnum):
    """Where jobs are, in the words of the tables."""

    completed = "completed"
    failed = "failed"
    waiting = "waiting"
    delayed = "delayed"
    active = "active"


#: BullMQ keeps what is ready to run in two places.
_STORED_STATES = {State.waiting: ("wait", "prioritized")}
_FINISHED = {State.completed, State.failed}


# --- looking ----------------------------------------------------------------------------------------------------


@group.command(epilog=examples("oxyq queues stats", "oxyq queues stats message --json"))
def stats(queues: QueueNames = None, as_json: AsJson = False) -> None:
    """Show how many jobs are where.

    Waiting counts every job that is ready to run, completed counts up for ever, failed is what lies in failed now.
    """
    counted = {name: counts for name, counts in with_app(_stats).items() if name in (queues or ())}
    if as_json:
        print_json({"queues": dict[str, Any](counted)})
        return
    states = ("waiting", "active", "delayed", "completed", "failed", "dead_letters")
    columns = [state.replace("_", " ") for state in states]
    rows = [
        [name, *(counts[state] for state in states), "yes" if counts["paused"] else "no"]
        for name, counts in counted.items()
    ]
    print_table(["queue", *columns, "paused"], rows, numbers=columns)


async def _stats(app: App) -> dict[str, dict[str, int]]:
    counts = await app.queue_counts()
    dead = dict.fromkeys(counts, 0)
    start = 0
    while page := await app.queues[DEAD_LETTER].ids("wait", start, start + PAGE - 1):
        for letter_id in page:
            _, _, job = letter_id.partition("-")
            name = job.partition("-")[0]
            if name in dead:
                dead[name] += 1
        start += len(page)
    return {name: {**states, "dead_letters": dead[name]} for name, states in counts.items()}


# --- cleaning ---------------------------------------------------------------------------------------------------


@group.command(
    epilog=examples("oxyq queues clean", "oxyq queues clean message --state failed --older-than 30d --limit 1000")
)
def clean(
    queues: QueueNames = None,
    older_than: Annotated[
        Duration, duration_option("--older-than", help="Only jobs that are older: 7d, 12h, 90s …")
    ] = Duration.parse("7d"),  # noqa: B008 - a constant
    state: Annotated[
        list[State] | None,
        typer.Option(
            "--state",
            help="Only jobs that are completed, failed, waiting, delayed or active; may be repeated. By default the "
            "first two.",
            show_default=False,
            metavar="STATE",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many per queue and state; 0: all.")] = 0,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove old jobs, by default those that completed or failed more than 7 days ago.

    Dead letters stay. Jobs that have not run yet are only removed after a question, or with --yes.
    """
    states = list(dict.fromkeys(state or (State.completed, State.failed)))
    unfinished = [one for one in states if one not in _FINISHED]
    if unfinished:
        must_be_sure(yes, f"cleaning {' and '.join(unfinished)} jobs")
        if not yes:
            ask(f"Remove {' and '.join(unfinished)} jobs of {', '.join(queues or ())} for good?")

    async def work(app: App) -> dict[str, dict[str, int]]:
        removed: dict[str, dict[str, int]] = {}
        for name in queues or ():
            removed[name] = {}
            for one in states:
                removed[name][one] = await _cleaned(app.queues[name], one, older_than, limit)
        return removed

    _print_removed(with_app(work), as_json)


async def _cleaned(queue: Queue, state: State, older_than: Duration, limit: int) -> int:
    """Clean one state of one queue, at most `limit` jobs (0: all); returns how many were removed."""
    from oxyq.maintenance import clean as chore

    removed = 0
    for stored in _STORED_STATES.get(state, (state.value,)):
        if limit and removed >= limit:
            break
        left = limit - removed if limit else 0
        removed += await _followed(chore.clean(queue, (stored,), older_than_seconds=older_than, limit=left))
    return removed


@group.command(epilog=examples("oxyq queues drain campaign", "oxyq queues drain campaign --delayed --yes"))
def drain(
    queues: QueueNames = None,
    delayed: Annotated[bool, typer.Option("--delayed", help="Remove delayed jobs too.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove all jobs that wait to run; running and finished ones stay.

    Ids stay taken for 8 days: the same message, reminder or campaign added again is not run in that time.
    """
    must_be_sure(yes, "draining a queue")
    if not yes:
        _ask_to_drain(queues or [], delayed)

    async def work(app: App) -> dict[str, dict[str, int]]:
        from oxyq.maintenance import clean as chore

        removed: dict[str, dict[str, int]] = {}
        for name in queues or ():
            removed[name] = {"waiting": await _followed(chore.drain(app.queues[name]))}
            if delayed:
                removed[name]["delayed"] = await _followed(
                    chore.clean(app.queues[name], ("delayed",), older_than_seconds=0)
                )
        return removed

    _print_removed(with_app(work), as_json)


def _ask_to_drain(queues: list[str], delayed: bool) -> None:
    async def count(app: App) -> dict[str, dict[str, int]]:
        return await app.queue_counts()

    counts = with_app(count, is_deed=False)
    words = ", ".join(
        f"{counts[name]['waiting']} waiting" + (f" and {counts[name]['delayed']} delayed" if delayed else "")
        + f" in {name}" for name in queues
    )  # fmt: skip
    ask(f"Remove for good: {words}?")


async def _followed(chore: AsyncIterator[Cleaned]) -> int:
    """Show how far a chore is; returns how many jobs it removed."""
    removed: dict[str, int] = {}
    with progress("jobs removed") as shown:
        async for cleaned in chore:
            removed[cleaned.state] = cleaned.removed
            shown.at(sum(removed.values()))
    return sum(removed.values())


def _print_removed(removed: dict[str, dict[str, int]], as_json: bool) -> None:
    if as_json:
        print_json({"removed": dict[str, Any](removed)})
        return
    for name, states in removed.items():
        say(f"{name}: removed {', '.join(f'{number} {state}' for state, number in states.items())}")


# --- running again ----------------------------------------------------------------------------------------------


@group.command("retry-failed", epilog=examples("oxyq queues retry-failed message"))
def retry_failed(queues: QueueNames = None, as_json: AsJson = False) -> None:
    """Run all failed jobs again with all their attempts; their dead letters are taken back."""

    async def work(app: App) -> dict[str, int]:
        from oxyq.maintenance.retry_failed import retry_failed as chore

        retried = dict.fromkeys(queues or (), 0)
        for name in retried:
            with progress(f"jobs of {name} run again") as shown:
                async for number in chore(app.hub, name):
                    retried[name] = number
                    shown.at(number)
        return retried

    retried = with_app(work)
    if as_json:
        print_json({"retried": dict[str, Any](retried)})
        return
    for name, number in retried.items():
        say(f"{name}: {number} failed jobs run again")


@group.command(epilog=examples("oxyq queues rescue", "oxyq queues rescue message --seconds 300"))
def rescue(
    queues: QueueNames = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="How long a job must have been active.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Fail jobs that are active although their worker is gone, with the reason Timeout; prints their ids.

    A job whose worker is alive is never touched, however long it takes.
    """

    async def work(app: App) -> dict[str, list[str]]:
        from oxyq.maintenance.rescue import rescue as chore

        policies = app.settings.policies
        return {
            name: [job_id async for job_id in chore(app.queues[name], policies[name], older_than_seconds=seconds)]
            for name in queues or ()
        }

    rescued = with_app(work)
    if as_json:
        print_json({"rescued": dict[str, Any](rescued)})
        return
    for name, ids in rescued.items():
        say(f"{name}: {len(ids)} jobs failed, their workers are gone")
        for job_id in ids:
            say(f"  {job_id}")


# --- stopping and going on --------------------------------------------------------------------------------------


@group.command(epilog=examples("oxyq queues pause campaign"))
def pause(queues: QueueNames = None, as_json: AsJson = False) -> None:
    """Tell all workers to take no more jobs; running ones are finished."""

    async def work(app: App) -> None:
        for name in queues or ():
            await app.queues[name].pause()

    with_app(work)
    _print_named("paused", queues or [], as_json)


@group.command(epilog=examples("oxyq queues resume campaign"))
def resume(queues: QueueNames = None, as_json: AsJson = False) -> None:
    """Let all workers go on."""

    async def work(app: App) -> None:
        for name in queues or ():
            await app.queues[name].resume()

    with_app(work)
    _print_named("running", queues or [], as_json)


def _print_named(what: str, queues: list[str], as_json: bool) -> None:
    if as_json:
        print_json({what: list[Any](queues)})
    else:
        say(f"{what}: {', '.join(queues)}")

"""`oxyq top`: how everything stands, live on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from oxyq.cli.arguments import AsJson, duration_option, examples
from oxyq.cli.durations import Duration
from oxyq.cli.output import plain, print_json
from oxyq.cli.session import with_app
from oxyq.cli.terminal import console, is_live
from oxyq.errors import QueueUnavailable

if TYPE_CHECKING:  # so that `--help` loads none of it
    import asyncio
    from collections.abc import Sequence

    from rich.console import RenderableType

    from oxyq.alerts.alert import Alert
    from oxyq.app import App
    from oxyq.operating.overview import InstallationNow, QueueNow
    from oxyq.receiving.away import AwayNumber

#: Rates are those between two looks; a first one alone knows none.
BETWEEN_LOOKS_SECONDS: Final = 1.0
#: So long Redis may take to come back before its absence is shown.
AWAY_AFTER_SECONDS: Final = 2.0
#: Lines of each list; what is more is counted.
MOST_LINES: Final = 8
_TONES: Final = {"fine": "green", "late": "yellow", "paused": "yellow", "stopped": "bold red"}


class Seen(NamedTuple):
    """What one look saw."""

    now: InstallationNow
    numbers: int
    away: Sequence[AwayNumber]
    alerts: Sequence[Alert]


def register(program: typer.Typer) -> None:
    """Put this command into the program."""
    program.command(epilog=examples("oxyq top", "oxyq top --every 5s", "oxyq top --once --json"))(top)


def top(
    every: Annotated[Duration, duration_option("--every", help="How often to look.")] = Duration.parse("2s"),  # noqa: B008 - a constant
    once: Annotated[bool, typer.Option("--once", help="Look once and end, as in a pipe.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch queues, rates, workers and numbers until q or Ctrl-C."""
    if every < 0.5:
        raise typer.BadParameter("must be 500ms or more", param_hint="--every")
    if once or as_json or not is_live(sys.stdout):
        seen = with_app(_look_twice)
        if as_json:
            print_json(_json(seen))
        else:
            _print(seen)
        return
    with_app(lambda app: _watch(app, every))


async def _look(app: App) -> Seen:
    import asyncio

    await app.hub.commands.ready(AWAY_AFTER_SECONDS)
    now, numbers, away, alerts = await asyncio.gather(
        app.overview.now(), app.instances.count(), app.away.all(), app.alerts.firing()
    )
    return Seen(now, numbers, away, alerts)


async def _look_twice(app: App) -> Seen:
    import asyncio

    await app.overview.now()
    await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
    return await _look(app)


async def _watch(app: App, every: float) -> None:
    import asyncio

    from rich.live import Live
    from rich.text import Text

    stop = asyncio.Event()
    with _keys(stop), Live(console=console(sys.stdout), screen=True, auto_refresh=False) as live:
        while not stop.is_set():
            try:
                shown: RenderableType = _shown(await _look(app))
            except QueueUnavailable as error:
                shown = Text(plain(error), "bold red")  # it may come back
            live.update(shown, refresh=True)
            try:
                async with asyncio.timeout(every):
                    await stop.wait()
            except TimeoutError:
                continue


@contextmanager
def _keys(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` when q is typed; the terminal is afterwards as it was, however this ends."""
    if not sys.stdin.isatty():
        yield
        return
    import asyncio
    import os
    import termios
    import tty

    terminal, loop = sys.stdin.fileno(), asyncio.get_running_loop()

    def typed() -> None:
        if os.read(terminal, 64).lower().find(b"q") >= 0:
            stop.set()

    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)  # each key at once, and Ctrl-C still ends us
    loop.add_reader(terminal, typed)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


# --- how it looks -----------------------------------------------------------------------------------------------


def _print(seen: Seen) -> None:
    screen = console(sys.stdout)
    if not is_live(sys.stdout):
        screen.width = 200
    screen.print(_shown(seen))


def _shown(seen: Seen) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_summary(seen), Text(), _queues(seen.now.queues), Text(), _workers(seen.now)]
    if seen.away:
        lines = [f"{one.instance_id} of {one.organization_id}: {one.state}" for one in seen.away]
        parts += [Text(), _lines("disconnected", lines, "yellow")]
    if seen.alerts:
        parts += [Text(), _lines("alerts", [one.id for one in seen.alerts], "bold red")]
    return Group(*parts)


def _summary(seen: Seen) -> RenderableType:
    from rich.text import Text

    now, redis = seen.now, seen.now.redis
    parts = [f"dead letters {now.dead_letters:,}", f"numbers {seen.numbers - len(seen.away)}/{seen.numbers} connected"]
    if redis is not None and redis.used_bytes is not None:
        of = "" if redis.max_bytes is None else f" of {redis.max_bytes / 2**20:,.0f}"
        parts.append(f"Redis {redis.used_bytes / 2**20:,.0f}{of} MiB, {redis.latency_ms:g} ms")
        if redis.commands is not None:
            parts.append(f"{redis.commands.per_hour:,} commands/h")
    return Text("   ".join(parts))


def _queues(queues: Sequence[QueueNow]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    numbers = ("waiting", "active", "delayed", "failed", "done/s", "fail/s", "oldest", "workers")
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("queue", "state", *numbers):
        # Of 80 columns nothing is cut off before the numbers are long.
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=True, min_width=len(name))
    for queue in queues:
        rate = queue.per_second
        table.add_row(
            queue.name, Text(queue.state, _TONES[queue.state]),
            *(f"{queue.counts[state]:,}" for state in ("waiting", "active", "delayed", "failed")),
            "–" if rate is None else f"{rate.completed:,.1f}", "–" if rate is None else f"{rate.failed:,.1f}",
            _age(queue.oldest_waiting_ms), str(queue.workers),
        )  # fmt: skip
    return table


def _workers(now: InstallationNow) -> RenderableType:
    if not now.workers:
        return _lines("workers", ["none gives a sign of life; start one: oxyq workers start"], "yellow")
    return _lines(
        "workers",
        [
            f"{one.host} {one.pid}  {one.in_hand} in hand of {sum(one.queues.values())}  {', '.join(one.queues)}"
            f"{'' if one.rss_bytes is None else f'  {one.rss_bytes / 2**20:.0f} MiB'}  {one.version}"
            for one in now.workers
        ],
        "",
    )


def _lines(title: str, lines: Sequence[str], style: str) -> RenderableType:
    from rich.text import Text

    shown = [f"  {plain(line)}" for line in lines[:MOST_LINES]]
    more = [f"  and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return Text.assemble((title, "bold"), "\n", ("\n".join((*shown, *more)), style))


def _age(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else str(Duration(round(milliseconds / 1000) or 1)) if milliseconds else "0s"


def _json(seen: Seen) -> dict[str, Any]:
    now, redis = seen.now, seen.now.redis
    return {
        "queues": {
            one.name: {
                **one.counts, "state": one.state, "isPaused": one.is_paused, "oldestWaitingMs": one.oldest_waiting_ms,
                "completedPerSecond": None if one.per_second is None else round(one.per_second.completed, 2),
                "failedPerSecond": None if one.per_second is None else round(one.per_second.failed, 2),
                "workers": one.workers,
            } for one in now.queues
        },
        "deadLetters": now.dead_letters,
        "workers": [
            {"id": one.id, "queues": one.queues, "inHand": one.in_hand, "version": one.version} for one in now.workers
        ],
        "numbers": {
            "all": seen.numbers,
            "disconnected": [
                {
                    "id": one.instance_id, "organizationId": one.organization_id, "state": one.state,
                    "since": one.since_ms,
                } for one in seen.away
            ],
        },
        "alerts": [one.id for one in seen.alerts],
        "redis": None if redis is None else {
            "latencyMs": redis.latency_ms, "usedBytes": redis.used_bytes, "maxBytes": redis.max_bytes,
            "commandsPerHour": None if redis.commands is None else redis.commands.per_hour,
        },
    }  # fmt: skip

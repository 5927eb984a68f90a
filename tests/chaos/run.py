"""One run: start everything, break it as the schedule says, wait until all has ended, and gather the evidence."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.numbers import contact_key
from tests.chaos.evidence import Ending, Evidence, Struck
from tests.chaos.journal import read
from tests.chaos.keyspace import leaked
from tests.chaos.lanes import Lane
from tests.chaos.looking import ENDINGS, Look, sends, told, warmth
from tests.chaos.recovery import PROBES, SendLog, probed, resumed, until_redis_answers
from tests.chaos.rig import Rig
from tests.chaos.schedule import WORKERS, Schedule, Strike
from tests.chaos.workload import Order, orders

#: A worker's thermometer is looked at so often; idle, it shows at once what has not ended.
_IDLE_SECONDS: Final = 2.0
_PROGRESS_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.5
_NOW_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was, and what it left behind."""

    plan: Schedule
    seconds: float
    evidence: Evidence


async def run(folder: Path, lane: Lane, plan: Schedule, jobs: int, say: Callable[[str], None]) -> Run:
    """Play one schedule in an empty folder; `say` is told how it goes."""
    began = time.monotonic()
    rig = Rig(folder, lane, plan, jobs, now_ms())
    async with rig.running() as (app, look):
        keys_before = await look.keys()
        await asyncio.sleep(_IDLE_SECONDS)
        idle_tasks = max(warmth(rig.warmth_log(name))[-1].tasks for name in WORKERS)
        say(f"everything runs after {time.monotonic() - began:.1f} s; jobs come in")
        log = SendLog(rig.gateway_log)
        await rig.children["producer"].start()
        progress = asyncio.create_task(_tell(rig, log, say))
        clock = time.monotonic()
        async with asyncio.TaskGroup() as striking:
            tasks = [
                striking.create_task(_struck(rig, app, look, log, strike, number, clock, say))
                for number, strike in enumerate(plan.strikes)
            ]
        await _drained(rig, look, lane.drained + max(plan.seconds - (time.monotonic() - clock), 0), say)
        await asyncio.sleep(_IDLE_SECONDS)
        progress.cancel()
        for name in (*WORKERS, "api"):
            await rig.stop(name)
        evidence = await _gathered(rig, look, [task.result() for task in tasks], jobs, keys_before, idle_tasks)
    return Run(plan, time.monotonic() - began, evidence)


async def _struck(
    rig: Rig, app: App, look: Look, log: SendLog, strike: Strike, number: int, clock: float, say: Callable[[str], None]
) -> Struck:
    """Break one thing at its time, and measure how work goes on."""
    await asyncio.sleep(max(clock + strike.second - time.monotonic(), 0))
    say(f"{strike}")
    # Before, since a Redis that thaws may first give jobs to others; and after, for what was fetched in between.
    before = await _in_hand_now(look)
    began, patience = now_ms(), rig.lane.drained
    breaking = asyncio.create_task(rig.strike(strike))
    await asyncio.sleep(0)
    in_hand = await until_redis_answers(look.in_hand)
    resuming = asyncio.create_task(resumed(look, in_hand, strike.seconds + patience))
    await breaking
    ended = now_ms()
    flowing = await probed(app, log, number, patience)
    return Struck(strike, began, ended, frozenset(before | in_hand.keys()), await resuming, flowing)


async def _in_hand_now(look: Look) -> set[str]:
    """The jobs in hand; none while Redis is away, since another fault tells them then."""
    try:
        async with asyncio.timeout(_NOW_SECONDS):
            return {*await look.in_hand()}
    except (TimeoutError, redis.ConnectionError, redis.TimeoutError):
        return set()


async def _drained(rig: Rig, look: Look, seconds: float, say: Callable[[str], None]) -> None:
    """Wait until everything is acknowledged and no job waits or runs; the checker tells when it is not so in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if rig.children["producer"].code == 0 and not await until_redis_answers(look.open_jobs):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    say("not everything has ended in time")


async def _tell(rig: Rig, log: SendLog, say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        log.look()
        say(f"{log.count} messages at the gateway")


async def _gathered(
    rig: Rig, look: Look, struck: list[Struck], jobs: int, keys_before: list[tuple[str, float | None]], idle_tasks: int
) -> Evidence:
    asked = read(rig.asked_log)
    acknowledged = {line["order"] for line in asked if "job" in line}
    asked_at = {line["order"]: int(line["at"]) for line in asked}
    all_orders = orders(jobs, rig.plan.seconds, rig.began_ms)
    taken = [order for order in all_orders if order.name in acknowledged]
    wanted = {key: key.split("/")[0] for order in taken for key in order.message_keys()}
    known = await look.ledger([*wanted])
    open_jobs, letters = await look.open_jobs(), await look.dead_letters()
    recovered, ran_again = told(rig.children[name].output for name in WORKERS)
    keys = await look.keys()
    return Evidence(
        wanted=wanted,
        acknowledged={key: asked_at[order.name] for order in taken for key in order.message_keys()},
        unwritten=rig.unwritten,
        at_most_once=frozenset(key for order in taken if order.kind == "campaign" for key in order.message_keys()),
        refused=[f"{line['order']}: {line['refused']}" for line in asked if "refused" in line],
        never_acknowledged=[order.name for order in all_orders if order.name not in asked_at],
        sends=sends(read(rig.gateway_log), but=PROBES),
        endings=await _endings(look, taken, known, open_jobs, letters),
        marked=frozenset(key for key, (_, repeated) in known.items() if repeated),
        active=sorted(await look.in_hand()),
        unknown_keys=[*leaked(keys)],
        kept_keys=_for_ever(keys) - _for_ever(keys_before),
        recovered=recovered,
        ran_again=ran_again,
        struck=struck,
        stopped=rig.stopped,
        ended_by_themselves=rig.ended_by_themselves,
        warmth={name: warmth(rig.warmth_log(name)) for name in WORKERS},
        idle_tasks=idle_tasks,
    )


async def _endings(
    look: Look, taken: list[Order], known: dict[str, tuple[str, bool]], open_jobs: set[str], letters: set[str]
) -> dict[str, frozenset[Ending]]:
    """How each message ended: by the ledger, or for campaigns by their own books; and where its job lies."""
    found = dict[str, frozenset[Ending]]()
    for order in taken:
        state, rows = await look.campaign(order.name) if order.kind == "campaign" else ("", {})
        for key, recipient in order.message_keys().items():
            endings = set[Ending]()
            job = key.split("/")[0]
            told_state = rows.get(contact_key(recipient), "") if order.kind == "campaign" else known[key][0]
            if told_state in ENDINGS:
                endings.add(ENDINGS[told_state])
            elif state == "cancelled":
                endings.add("cancelled")
            if f"dlq-{order.queue}-{job}" in letters:
                endings.add("dead-letter")
            if job in open_jobs:
                endings.add("open")
            found[key] = frozenset(endings)
    return found


def _for_ever(keys: list[tuple[str, float | None]]) -> int:
    return sum(seconds is None for _, seconds in keys)

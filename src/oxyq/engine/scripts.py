"""The only file that knows the inside of the `bullmq` package: its Lua scripts, their keys, arguments and answers.

The scripts are loaded from the installed package, at the version this file was written for, and never copied. Ours
(`lua/*.lua`) stand beside them; where one step must be atomic with a script of the package, ours takes in the text of
the package's at a line `--@bullmq NAME`, and that of another of ours at `--@oxyq NAME`.
"""

import asyncio
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, cast

import msgpack

from oxyq.clock import now_ms
from oxyq.engine.connection import Argument, Connection, Reply
from oxyq.engine.json_text import as_int
from oxyq.engine.keys import THROUGH_MS, QueueKeys
from oxyq.engine.lua_runner import PreparedCall, Script, ScriptRunner
from oxyq.engine.settlement import (
    Burial,
    CanaryThrough,
    Completed,
    Delayed,
    FailedForGood,
    Fetched,
    HandedBack,
    Keep,
    RawJob,
    Retried,
    Settlement,
)
from oxyq.engine.turns import Turns
from oxyq.errors import ConfigurationError

BULLMQ_VERSION: Final = "3.4.4"

#: Every script of the package we call, with the number of keys it takes (part of its file name).
PACKAGE_SCRIPTS: Final[dict[str, int]] = {
    "addDelayedJob": 6,
    "addJobScheduler": 11,
    "addLog": 2,
    "addPrioritizedJob": 9,
    "addStandardJob": 9,
    "changeDelay": 4,
    "changePriority": 7,
    "cleanJobsInSet": 3,
    "extendLocks": 1,
    "getCounts": 1,
    "getStateV2": 8,
    "moveJobFromActiveToWait": 9,
    "moveStalledJobsToWait": 9,
    "moveToActive": 11,
    "moveToDelayed": 11,
    "moveToFinished": 14,
    "obliterate": 2,
    "pause": 7,
    "promote": 9,
    "removeJob": 2,
    "removeJobScheduler": 3,
    "reprocessJob": 9,
    "retryJob": 11,
    "updateJobScheduler": 12,
    "updateProgress": 3,
}

#: What it takes to empty a full Redis: these run although memory is used up (Redis 7 `allow-oom`), while adding is
#: refused. Without this a queue that filled Redis could never be drained.
RUN_WHEN_MEMORY_IS_FULL: Final = frozenset(
    "bury canary cleanJobsInSet expel extendLocks fail_and_bury moveJobFromActiveToWait moveStalledJobsToWait "
    "moveToActive moveToDelayed moveToFinished reclaim recover_stalled removeJob retryJob seize "
    "settle_and_fetch".split()
)

#: BullMQ's score of a delayed job is its time in ms times 4096, and a counter below.
DELAYED_SHIFT: Final = 12
#: Data points of BullMQ's per-minute metrics that are kept: two weeks, as Bull Board charts at most.
METRICS_POINTS: Final = 20_160
#: Fields by which BullMQ shortens option names in a stored job.
SHORT_OPTIONS: Final = {
    "failParentOnFailure": "fpof",
    "continueParentOnFailure": "cpof",
    "ignoreDependencyOnFailure": "idof",
    "removeDependencyOnFailure": "rdof",
    "keepLogs": "kl",
    "deduplication": "de",
}
#: The batch script's answer for a job that needs BullMQ's own scripts: it has a parent, children or a deduplication id.
NOT_PLAIN: Final = -100
#: The token by which BullMQ lets a job be ended from outside, without holding its lock.
NOBODY: Final = "0"
_INCLUDE: Final = re.compile(r"^--@(bullmq|oxyq) (\w+)(?:: ([\w ]+))?$", re.MULTILINE)


@cache
def package_folder() -> Path:
    """The folder of the package's Lua files; raises ConfigurationError when it is not the version we know."""
    installed = importlib.metadata.version("bullmq")
    spec = importlib.util.find_spec("bullmq")
    if installed != BULLMQ_VERSION or spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"bullmq {installed} is installed, but Oxyq is written for exactly {BULLMQ_VERSION}; "
            f"run: pip install bullmq=={BULLMQ_VERSION}"
        )
    return Path(spec.submodule_search_locations[0]) / "commands"


@cache
def package_text(name: str) -> str:
    """The Lua text of one script of the package."""
    return (package_folder() / f"{name}-{PACKAGE_SCRIPTS[name]}.lua").read_text(encoding="utf-8")


def package_function(script: str, name: str) -> str:
    """The Lua text of one local function of a script of the package, as it stands there."""
    found = re.search(
        rf"^local (?:function {name}\(|{name} = function).*?^end$", package_text(script), re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise ConfigurationError(f"bullmq {BULLMQ_VERSION} has no function {name} in {script}; reinstall it")
    return found[0]


@cache
def package_script(name: str) -> Script:
    """One script of the package, unchanged but for the flag that lets it run when memory is full."""
    text = package_text(name)
    return Script.build(name, text, allow_oom=name in RUN_WHEN_MEMORY_IS_FULL)


@cache
def our_script(name: str) -> Script:
    """One script of ours with what it takes in of the package's."""

    def taken_in(line: re.Match[str]) -> str:
        if line[1] == "oxyq":
            return _our_text(line[2])
        if line[3]:
            return "\n".join(package_function(line[2], name) for name in line[3].split())
        return package_text(line[2])

    text = _INCLUDE.sub(taken_in, _our_text(name))
    return Script.build(name, text, allow_oom=name in RUN_WHEN_MEMORY_IS_FULL)


def _our_text(name: str) -> str:
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")


@dataclass(slots=True)
class NewJob:
    """A job about to be added; `options` in BullMQ's own words (attempts, backoff, removeOnComplete, ...).

    `options_json` is what of them is stored, if somebody has made that already.
    """

    id: str
    name: str
    data_json: str
    options: dict[str, object]
    timestamp_ms: int
    delay_ms: int = 0
    priority: int = 0
    options_json: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The answer to `settle_and_fetch`: a code for each ending, and what there is to do next."""

    codes: list[int]
    jobs: list[RawJob]
    limited_ms: int
    next_at_ms: int
    foreign: list[tuple[str, str]]
    #: Jobs are left that have not been sorted into turns: worth asking again at once.
    are_unsorted: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the whole queue found.

    Jobs put back, what is no job (id, type), how many are active, whether any are ready to run, and when the first
    delayed one is due (ms, 0: none).
    """

    recovered: tuple[str, ...]
    foreign: list[tuple[str, str]]
    active: int
    some_are_ready: bool
    next_at_ms: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look at one job found: `lua/look.lua` says what. Times are ms."""

    state: str
    fields: dict[bytes, bytes]
    too_long: dict[str, int]
    data_sha1: str
    lock_ms: int | None
    due_ms: int | None
    log_lines: int
    children: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A few things of a job: what `lua/peek.lua` reads, `values` being fields of its data; "" is what is not there."""

    id: str
    name: str
    error: str
    at_ms: int
    """When it ended, or else was added."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FetchRules:
    """What a worker says with each fetch: how long it locks, under which name, its rate limit, and whose turns."""

    lock_ms: int
    worker_name: str
    rate_max: int | None = None
    rate_ms: int = 0
    turns: Turns | None = None

    def options(self, token: str) -> dict[str, object]:
        """The options a fetching script reads."""
        limiter = None if self.rate_max is None else {"max": self.rate_max, "duration": self.rate_ms}
        return {"token": token, "lockDuration": self.lock_ms, "limiter": limiter, "name": self.worker_name}


def pack(value: object) -> bytes:
    """Encode for the scripts (msgpack); ids that are not UTF-8 survive."""
    packed: bytes = msgpack.packb(value, unicode_errors="surrogateescape")
    return packed


class QueueScripts:
    """Everything that is done to one queue, each as one call."""

    def __init__(self, keys: QueueKeys, connection: Connection, dead_letters: QueueKeys | None = None) -> None:
        package_folder()  # refuses a package we were not written for, before the first job is touched
        self.keys = keys
        self.connection = connection
        self.dead_letters = dead_letters
        self._runner = ScriptRunner(connection)
        k = keys
        self._finish_keys = [k.wait, k.active, k.prioritized, k.events, k.stalled, k.limiter, k.delayed, k.paused,
                             k.meta, k.pc]  # fmt: skip
        self._fetch_keys = [*self._finish_keys, k.marker]
        batch_keys = [k.wait, k.active, k.prioritized, k.events, k.stalled, k.limiter, k.delayed, k.meta, k.pc,
                      k.marker, k.completed, k.failed, k.metrics_completed, k.metrics_failed, k.turns]  # fmt: skip
        self._settle_and_fetch = PreparedCall(our_script("settle_and_fetch"), batch_keys)
        add_batch_keys = [k.wait, k.meta, k.id, k.prioritized, k.delayed, k.active, k.events, k.pc, k.marker]
        self._add_batch = PreparedCall(our_script("add_batch"), add_batch_keys)
        self._add_keys = {
            "addStandardJob": _standard_add_keys(k),
            "addDelayedJob": [k.marker, k.meta, k.id, k.delayed, k.completed, k.events],
            "addPrioritizedJob": [k.marker, k.meta, k.id, k.prioritized, k.delayed, k.completed, k.active, k.events,
                                  k.pc],
        }  # fmt: skip

    # --- a worker's calls -------------------------------------------------------------------------------------

    async def fetch(self, token: str, rules: FetchRules) -> Fetched:
        """Take the next job by BullMQ's own script, locked with `token`, if there is one and limits allow it."""
        reply = await self._package("moveToActive", self._fetch_keys,
                                    [self.keys.base, now_ms(), pack(rules.options(token))])  # fmt: skip
        return _fetched(reply, token)

    async def settle(self, settlement: Settlement, rules: FetchRules, *, fetch_next: bool = False) -> int:
        """Write how a job ended by BullMQ's own scripts; 0, or one of `settlement.REFUSALS`.

        `fetch_next` takes the next job too where BullMQ's script can, as Node does; its data is thrown away here, so
        only the proof that our batch script does the same asks for it.
        """
        match settlement:
            case Completed():
                return await self._complete(settlement, rules, fetch_next)
            case FailedForGood():
                return await self._fail(settlement, rules, fetch_next)
            case Delayed():
                return await self._delay(settlement, rules)
            case Retried():
                return await self._retry(settlement)
            case HandedBack():
                return await self._hand_back(settlement)
            case CanaryThrough():
                raise TypeError("BullMQ has no script for canaries")

    async def _complete(self, done: Completed, rules: FetchRules, fetch_next: bool) -> int:
        keys = [*self._finish_keys, self.keys.completed, self.keys.job(done.job_id), self.keys.metrics_completed,
                self.keys.marker]  # fmt: skip
        options = _finish_options(rules, done.token, done.keep, done.attempts)
        return _code(await self._package("moveToFinished", keys, [
            done.job_id, now_ms(), "returnvalue", done.value_json, "completed", "1" if fetch_next else "",
            self.keys.base, pack(options),
        ]))  # fmt: skip

    async def _fail(self, failed: FailedForGood, rules: FetchRules, fetch_next: bool) -> int:
        if failed.has_broken_parent:
            await self.connection.call("HDEL", self.keys.job(failed.job_id), "parentKey", "parent")
        keys = [*self._finish_keys, self.keys.failed, self.keys.job(failed.job_id), self.keys.metrics_failed,
                self.keys.marker]  # fmt: skip
        options = _finish_options(rules, failed.token, failed.keep, failed.attempts)
        arguments: list[Argument] = [
            failed.job_id, now_ms(), "failedReason", failed.reason, "failed", "1" if fetch_next else "",
            self.keys.base, pack(options), pack(failed.fields) if failed.fields else "",
        ]  # fmt: skip
        if failed.burial is None or self.dead_letters is None:
            return _code(await self._package("moveToFinished", keys, arguments))
        grave = self.dead_letters
        return _code(await self._runner.run(
            our_script("fail_and_bury"),
            [*keys, *_standard_add_keys(grave), grave.job(failed.burial.job_id)],
            [*arguments, *_burial_arguments(grave, failed.burial), "1" if failed.token == NOBODY else "0"],
        ))  # fmt: skip

    async def _delay(self, delayed: Delayed, rules: FetchRules) -> int:
        k = self.keys
        keys = [k.marker, k.active, k.prioritized, k.delayed, k.job(delayed.job_id), k.events, k.meta, k.stalled,
                k.wait, k.limiter, k.pc]  # fmt: skip
        return _code(await self._package("moveToDelayed", keys, [
            k.base, now_ms(), delayed.job_id, delayed.token, delayed.delay_ms, "0" if delayed.counts else "1",
            pack(delayed.fields) if delayed.fields else "", "0", pack(rules.options(delayed.token)),
        ]))  # fmt: skip

    async def _retry(self, retried: Retried) -> int:
        k = self.keys
        keys = [k.active, k.wait, k.paused, k.job(retried.job_id), k.meta, k.events, k.delayed, k.prioritized, k.pc,
                k.marker, k.stalled]  # fmt: skip
        return _code(await self._package("retryJob", keys, [
            k.base, now_ms(), "RPUSH" if retried.lifo else "LPUSH", retried.job_id, retried.token,
            pack(retried.fields),
        ]))  # fmt: skip

    async def _hand_back(self, back: HandedBack) -> int:
        k = self.keys
        keys = [k.active, k.wait, k.stalled, k.paused, k.meta, k.limiter, k.prioritized, k.marker, k.events]
        reply = await self._package("moveJobFromActiveToWait", keys, [back.job_id, back.token, k.job(back.job_id)])
        return min(_int(reply), 0)  # a positive answer is the limiter's TTL

    async def settle_and_fetch(
        self, endings: Sequence[Settlement], wanted: int, token: str, rules: FetchRules, *, hurry: bool = False
    ) -> "Batch":
        """End a batch of plain jobs and take up to `wanted` others, in one call of our own script.

        With fair turns none are taken while some are not sorted yet; in a `hurry` those that are.
        """
        k = self.keys
        arguments: list[Argument] = [
            k.base, now_ms(), rules.lock_ms, wanted, token, rules.worker_name,
            "" if rules.rate_max is None else rules.rate_max, rules.rate_ms or "", METRICS_POINTS, len(endings),
        ]  # fmt: skip
        for ending in endings:
            arguments += _ending_arguments(ending)
        if rules.turns is not None and wanted:
            arguments += rules.turns.arguments(hurry)
        reply = _list(await self._runner.run_prepared(self._settle_and_fetch, arguments))
        jobs = _list(reply[1])
        return Batch(
            codes=cast("list[int]", reply[0]),
            jobs=[RawJob(as_text(jobs[i]), token, _started(jobs[i + 1])) for i in range(0, len(jobs), 2)],
            limited_ms=max(_int(reply[2]), 0),
            next_at_ms=max(_int(reply[3]), 0),
            foreign=_pairs(reply[4]),
            are_unsorted=_int(reply[5]) == 1,
        )

    async def extend_locks(self, held: list[tuple[str, str]], lock_ms: int) -> list[str]:
        """Renew the locks of (job id, token) pairs; returns the ids whose lock is not ours any more."""
        reply = await self._package("extendLocks", [self.keys.stalled], extend_arguments(self.keys, held, lock_ms))
        return [as_text(job_id) for job_id in _list(reply)]

    async def recover_stalled(self, max_stalled: int, interval_ms: int) -> "Look":
        """Put jobs whose worker is gone back to wait; one worker does it per interval, all learn what is there."""
        k = self.keys
        keys = [k.stalled, k.wait, k.active, k.stalled_check, k.meta, k.paused, k.marker, k.events, k.repeat]
        arguments: list[Argument] = [max_stalled, k.base, now_ms(), interval_ms]
        reply = _list(await self._runner.run(our_script("recover_stalled"), keys, arguments))
        recovered = tuple(as_text(job_id) for job_id in _list(reply[0]))
        return Look(recovered, _pairs(reply[1]), _int(reply[2]), _int(reply[3]) == 1, _int(reply[4]))

    async def reclaim(self, tokens: list[str]) -> list[RawJob]:
        """The jobs that were handed to us in replies that got lost."""
        reply = _list(await self._runner.run(our_script("reclaim"), [self.keys.active], [self.keys.base, *tokens]))
        return [
            RawJob(as_text(reply[i]), as_text(reply[i + 1]), _fields(reply[i + 2])) for i in range(0, len(reply), 3)
        ]

    async def expel_foreign(self) -> list[tuple[str, str]]:
        """Take ids out of active whose key is not a job; returns (id, what type it is)."""
        keys = [self.keys.active, self.keys.stalled]
        return _pairs(await self._runner.run(our_script("expel"), keys, [self.keys.base]))

    # --- adding -----------------------------------------------------------------------------------------------

    async def add(self, job: NewJob) -> str:
        """Add a job; an id that is in the queue already is left as it is."""
        script = _adding_script(job)
        reply = await self._package(script, self._add_keys[script], _add_arguments(self.keys, job))
        return as_text(reply)

    def begin_add_batch(self, jobs: Sequence[tuple[NewJob, str, int, str]]) -> "asyncio.Future[Reply]":
        """Send `add_batch` now; the reply is for `added`, or an error after which nothing was added (NOSCRIPT)."""
        return self._runner.begin(self._add_batch, self._add_batch_arguments(jobs))

    async def add_batch(self, jobs: Sequence[tuple[NewJob, str, int, str]]) -> list[int | bytes]:
        """Add (job, fingerprint, ms to remember its id, key of its quota) in one call.

        The answers are those of `lua/add_batch.lua`.
        """
        return added(await self._runner.run_prepared(self._add_batch, self._add_batch_arguments(jobs)))

    def _add_batch_arguments(self, jobs: Sequence[tuple[NewJob, str, int, str]]) -> list[Argument]:
        arguments: list[Argument] = [self.keys.base, self.keys.accepted, len(jobs)]
        for job, fingerprint, remember_ms, quota_key in jobs:
            arguments += (
                job.id, job.name, job.data_json, job.options_json or _options_json(job.options), job.timestamp_ms,
                job.delay_ms, job.priority, "RPUSH" if job.options.get("lifo") else "LPUSH", fingerprint, remember_ms,
                quota_key,
            )  # fmt: skip
        return arguments

    # --- what operators and handlers do to one job or the whole queue ------------------------------------------

    async def update_progress(self, job_id: str, value_json: str) -> bool:
        """Store a job's progress and tell listeners; False when the job is gone."""
        keys = [self.keys.job(job_id), self.keys.events, self.keys.meta]
        return _int(await self._package("updateProgress", keys, [job_id, value_json])) == 0

    async def add_log(self, job_id: str, line: str, keep: int) -> int:
        """Append a log line, keeping the last `keep`; returns how many there are, -1 when the job is gone."""
        keys = [self.keys.job(job_id), self.keys.logs(job_id)]
        return _int(await self._package("addLog", keys, [job_id, line, keep]))

    async def counts(self, states: list[str]) -> list[int]:
        """How many jobs are in each of `states` (BullMQ's key names)."""
        return [_int(n) for n in _list(await self._package("getCounts", [self.keys.base], list(states)))]

    async def state(self, job_id: str) -> str:
        """Where a job is: completed, failed, delayed, active, waiting, waiting-children, prioritized, unknown."""
        k = self.keys
        keys = [
            k.completed,
            k.failed,
            k.delayed,
            k.active,
            k.wait,
            k.paused,
            k.waiting_children,
            k.prioritized,
        ]
        return as_text(await self._package("getStateV2", keys, [job_id, k.job(job_id)]))

    async def look(self, job_id: str, longest_field: int) -> Sight | str | None:
        """One job at one moment, without fields that are longer; None if there is none, a type if its key is no job."""
        k = self.keys
        keys = [
            k.job(job_id), k.lock(job_id), k.logs(job_id), k.wait, k.active, k.paused, k.delayed, k.prioritized,
            k.completed, k.failed, k.waiting_children,
        ]  # fmt: skip
        reply = await self._runner.run(our_script("look"), keys, [job_id, longest_field])
        if not isinstance(reply, list):
            return None if reply is None else as_text(reply)
        lock_ms, place = _int(reply[4]), reply[5]
        return Sight(
            state=as_text(reply[0]),
            fields=_fields(reply[1]),
            too_long={name: int(size) for name, size in _pairs(reply[2])},
            data_sha1=as_text(reply[3]),
            lock_ms=lock_ms if lock_ms >= 0 else None,
            due_ms=None if place is None else int(float(as_text(place))) >> DELAYED_SHIFT,
            log_lines=_int(reply[6]),
            children=(_int(reply[7]), _int(reply[8]), _int(reply[9]), _int(reply[10])),
        )

    async def seize(self, job_id: str, token: str, lock_ms: int) -> RawJob | None:
        """Take an active job away from whoever runs it; None when it is not active."""
        keys = [self.keys.active, self.keys.job(job_id), self.keys.lock(job_id)]
        reply = await self._runner.run(our_script("seize"), keys, [job_id, token, lock_ms])
        return RawJob(job_id, token, _fields(reply)) if isinstance(reply, list) else None

    async def reschedule(self, job_id: str, delay_ms: int, stored_options: bytes, options_json: str) -> int:
        """Run a delayed job in `delay_ms`; the answers are those of `lua/reschedule.lua`."""
        k = self.keys
        arguments: list[Argument] = [delay_ms, now_ms(), job_id, k.job(job_id), stored_options, options_json]
        keys = [k.delayed, k.meta, k.marker, k.events]
        return _int(await self._runner.run(our_script("reschedule"), keys, arguments))

    async def change_priority(self, job_id: str, priority: int) -> bool:
        """Give a job another priority, and its place by that if it is ready; False when it is gone."""
        k = self.keys
        keys = [k.wait, k.paused, k.meta, k.prioritized, k.active, k.pc, k.marker]
        return _int(await self._package("changePriority", keys, [priority, k.base, job_id, "0"])) == 0

    async def update_data(self, job_id: str, data_sha1: str, data_json: str) -> int:
        """Replace what a job carries; the answers are those of `lua/update_data.lua`."""
        keys = [self.keys.job(job_id), self.keys.lock(job_id), self.keys.active]
        return _int(await self._runner.run(our_script("update_data"), keys, [job_id, data_sha1, data_json]))

    async def peek(
        self, state: str, first: int, last: int, names: Sequence[str], *, reversed: bool = False
    ) -> "list[Glimpse]":
        """A few things of the jobs at these places of a state, in Redis's order or from its end; `lua/peek.lua`."""
        arguments: list[Argument] = [self.keys.base, len(names), *names, "reversed" if reversed else "places"]
        reply = await self._runner.run(our_script("peek"), [self.keys.base + state], [*arguments, first, last])
        return _glimpses(reply, len(names))

    async def peek_at(self, ids: Sequence[str], names: Sequence[str]) -> "list[Glimpse]":
        """As `peek`, of these jobs; fewer than were asked for when they carry much."""
        arguments: list[Argument] = [self.keys.base, len(names), *names, "ids", *ids]
        return _glimpses(await self._runner.run(our_script("peek"), [self.keys.wait], arguments), len(names))

    async def find_text(self, ids: Sequence[str], text: str) -> tuple[int, list[int]]:
        """How many of these jobs were looked at, and which hold the text (places in `ids`); `lua/find_text.lua`."""
        reply = _list(
            await self._runner.run(our_script("find_text"), [self.keys.meta], [self.keys.base, text.lower(), *ids])
        )
        return _int(reply[0]), [_int(place) - 1 for place in reply[1:]]

    async def pause(self, *, paused: bool) -> int:
        """Stop or let go all workers of the queue; returns how many jobs of BullMQ 4's paused list are left."""
        k = self.keys
        source, target = (k.wait, k.paused) if paused else (k.paused, k.wait)
        keys = [source, target, k.meta, k.prioritized, k.events, k.delayed, k.marker]
        return _int(await self._package("pause", keys, ["paused" if paused else "resumed", "1"]))

    async def clean(self, state: str, older_than_ms: int, limit: int) -> list[str]:
        """Remove up to `limit` jobs of one state older than a time; returns their ids."""
        keys = [self.keys.base + state, self.keys.events, self.keys.repeat]
        reply = await self._package("cleanJobsInSet", keys, [self.keys.base, older_than_ms, limit, state])
        return [as_text(job_id) for job_id in _list(reply)]

    async def remove(self, job_id: str) -> bool:
        """Remove one job and its children; False while a worker holds it."""
        keys = [self.keys.job(job_id), self.keys.repeat]
        return _int(await self._package("removeJob", keys, [job_id, "1", self.keys.base])) == 1

    async def promote(self, job_id: str) -> bool:
        """Make a delayed job ready now; False when it is not delayed."""
        k = self.keys
        keys = [k.delayed, k.wait, k.paused, k.meta, k.prioritized, k.active, k.pc, k.events, k.marker]
        return _int(await self._package("promote", keys, [k.base, job_id])) == 0

    async def reprocess(self, job_id: str, state: str = "failed") -> bool:
        """Put a failed or completed job back to wait with all its attempts; False when it is not in `state`."""
        keys, arguments = self._reprocess(job_id, state)
        return _int(await self._package("reprocessJob", keys, arguments)) == 1

    async def obliterate(self, *, force: bool) -> None:
        """Remove the whole queue; with `force` also while jobs are active."""
        await self.pause(paused=True)
        while _int(await self._package("obliterate", [self.keys.meta, self.keys.base], [1000, "force" * force])) == 1:
            pass

    async def bury(self, job_id: str, finished_on: str, burial: Burial) -> bool:
        """Write the dead letter of a job that already failed; False when somebody else did."""
        grave = self.dead_letters
        if grave is None:
            return False
        reply = await self._runner.run(
            our_script("bury"),
            [*_standard_add_keys(grave), grave.job(burial.job_id), self.keys.job(job_id)],
            [*_burial_arguments(grave, burial), finished_on],
        )
        return _int(reply) == 1

    async def bury_ready(self, job_id: str, state: str, burial: Burial) -> bool:
        """Put a job that is in this state, and has not run, among the dead letters; False when it is not there."""
        grave, k = self.dead_letters, self.keys
        if grave is None:
            return False
        reply = await self._runner.run(
            our_script("bury_ready"),
            [k.job(job_id), k.repeat, *_standard_add_keys(grave), grave.job(burial.job_id), k.base + state],
            [job_id, "0", k.base, *_burial_arguments(grave, burial)],
        )
        return _int(reply) == 1

    async def replay(self, job: NewJob, letter_id: str, replays_json: str, *, edited: bool) -> int:
        """Put the job of a dead letter back to work; the answers are those of `lua/replay.lua`."""
        grave = self.dead_letters
        if grave is None:
            return -1
        keys, arguments = self._reprocess(job.id, "failed")
        reply = await self._runner.run(
            our_script("replay"),
            [*keys, *self._add_keys["addStandardJob"], grave.wait, grave.job(letter_id), grave.events],
            [*arguments, *_add_arguments(self.keys, job), letter_id, replays_json, "1" if edited else "0"],
        )
        return _int(reply)

    def _reprocess(self, job_id: str, state: str) -> tuple[list[str], list[Argument]]:
        k = self.keys
        keys = [
            k.job(job_id),
            k.events,
            k.base + state,
            k.wait,
            k.meta,
            k.active,
            k.marker,
            k.prioritized,
            k.pc,
        ]
        field = "failedReason" if state == "failed" else "returnvalue"
        return keys, [job_id, "LPUSH", field, state, "1", "1"]

    # --- schedulers -------------------------------------------------------------------------------------------

    async def upsert_scheduler(
        self, scheduler_id: str, next_ms: int, template: str, template_options: dict[str, object],
        schedule: dict[str, object], job_options: dict[str, object],
    ) -> Reply:  # fmt: skip
        """Store a scheduler and queue its next job; answers [job id, delay] or a negative code."""
        k = self.keys
        keys = [
            k.repeat,
            k.delayed,
            k.wait,
            k.paused,
            k.meta,
            k.prioritized,
            k.marker,
            k.id,
            k.events,
            k.pc,
            k.active,
        ]
        return await self._package("addJobScheduler", keys, [
            next_ms, pack(schedule), scheduler_id, template, pack(shortened(template_options)),
            pack(shortened(job_options)), now_ms(), k.base, "",
        ])  # fmt: skip

    async def advance_scheduler(
        self,
        scheduler_id: str,
        next_ms: int,
        data_json: str,
        job_options: dict[str, object],
        producer_id: str,
    ) -> Reply:
        """Queue the job after `producer_id` of a scheduler; answers its id, or nothing when there is none to come."""
        k = self.keys
        keys = [k.repeat, k.delayed, k.wait, k.paused, k.meta, k.prioritized, k.marker, k.id, k.events, k.pc,
                k.job(producer_id), k.active]  # fmt: skip
        return await self._package("updateJobScheduler", keys, [
            next_ms, scheduler_id, data_json, pack(shortened(job_options)), now_ms(), k.base, producer_id,
        ])  # fmt: skip

    async def remove_scheduler(self, scheduler_id: str) -> bool:
        """Remove a scheduler and its waiting job; False when there is none."""
        keys = [self.keys.repeat, self.keys.delayed, self.keys.events]
        return _int(await self._package("removeJobScheduler", keys, [scheduler_id, self.keys.base])) == 0

    async def _package(self, name: str, keys: list[str], arguments: list[Argument]) -> Reply:
        return await self._runner.run(package_script(name), keys, arguments)


def added(reply: Reply) -> list[int | bytes]:
    """Read what `add_batch` answers."""
    return [answer if isinstance(answer, bytes) else _int(answer) for answer in _list(reply)]


def is_plain(ending: Settlement) -> bool:
    """Whether our batch script can write this ending; the others go through BullMQ's scripts."""
    if isinstance(ending, FailedForGood):
        return ending.burial is None
    return not isinstance(ending, HandedBack)


def _ending_arguments(ending: Settlement) -> tuple[Argument, ...]:
    """One ending as the six arguments of `lua/settle_and_fetch.lua`."""
    match ending:
        case Completed():
            return (
                "c",
                ending.job_id,
                ending.token,
                ending.value_json,
                _keep_argument(ending.keep, ending.attempts),
                "",
            )
        case FailedForGood():
            keep = _keep_argument(ending.keep, ending.attempts)
            return ("f", ending.job_id, ending.token, ending.reason, keep, _packed_fields(ending.fields))
        case Delayed():
            kind = "d" if ending.counts else "l"
            return (kind, ending.job_id, ending.token, ending.delay_ms, "", _packed_fields(ending.fields))
        case Retried():
            return ("R" if ending.lifo else "r", ending.job_id, ending.token, "", "", _packed_fields(ending.fields))
        case CanaryThrough():
            return ("x", ending.job_id, ending.token, ending.through, THROUGH_MS, "")
        case HandedBack():
            raise TypeError("a job is handed back by BullMQ's own script")


def _keep_argument(keep: Keep, attempts: int) -> str:
    count = -1 if keep.count is None else keep.count
    return f"{count}:{'' if keep.age_seconds is None else keep.age_seconds}:{attempts}"


def _packed_fields(fields: tuple[str, ...]) -> bytes:
    return pack(fields) if fields else b""


def _started(flat: Reply) -> dict[bytes, bytes]:
    """A job's fields as they are once it was taken; the script reads them just before."""
    fields = _fields(flat)
    fields[b"ats"] = b"%d" % ((as_int(fields.get(b"ats")) or 0) + 1)
    return fields


def extend_arguments(keys: QueueKeys, held: list[tuple[str, str]], lock_ms: int) -> list[Argument]:
    """The arguments of `extendLocks` for (job id, token) pairs."""
    ids, tokens = [job_id for job_id, _ in held], [token for _, token in held]
    return [keys.base, pack(tokens), pack(ids), lock_ms]


_OPTIONS: Final = json.JSONEncoder(separators=(",", ":"))


def _options_json(options: dict[str, object]) -> str:
    return _OPTIONS.encode(shortened(options))


def shortened(options: dict[str, object]) -> dict[str, object]:
    """Job options with the names BullMQ stores them under."""
    return {SHORT_OPTIONS.get(name, name): value for name, value in options.items()}


def _standard_add_keys(k: QueueKeys) -> list[str]:
    return [k.wait, k.paused, k.meta, k.id, k.completed, k.delayed, k.active, k.events, k.marker]


def _adding_script(job: NewJob) -> str:
    if job.delay_ms:
        return "addDelayedJob"
    return "addPrioritizedJob" if job.priority else "addStandardJob"


def _add_arguments(keys: QueueKeys, job: NewJob) -> list[Argument]:
    packed = pack([keys.base, job.id, job.name, job.timestamp_ms, None, None, None, None, None])
    return [packed, job.data_json, pack(shortened(job.options))]


def _burial_arguments(grave: QueueKeys, burial: Burial) -> list[Argument]:
    letter = NewJob(burial.job_id, "failed-job", burial.data_json, {"attempts": 1}, now_ms())
    return _add_arguments(grave, letter)


def _finish_options(rules: FetchRules, token: str, keep: Keep, attempts: int) -> dict[str, object]:
    kept = {"count": -1 if keep.count is None else keep.count}
    if keep.age_seconds is not None:
        kept["age"] = keep.age_seconds
    return {
        **rules.options(token),
        "keepJobs": kept,
        "attempts": attempts,
        "maxMetricsSize": METRICS_POINTS,
    }


def _code(reply: Reply) -> int:
    """0 or a negative code; a list is the next job, so the settlement went well."""
    return 0 if isinstance(reply, list) else _int(reply)


def _fetched(reply: Reply, token: str) -> Fetched:
    """Read [job or 0, id or 0, ms until the limiter opens, time of the next delayed job]."""
    parts = _list(reply)
    if isinstance(parts[0], list):
        return Fetched(RawJob(as_text(parts[1]), token, _fields(parts[0])))
    return Fetched(None, max(_int(parts[2]), 0), max(_int(parts[3]), 0))


def _pairs(flat: Reply) -> list[tuple[str, str]]:
    items = iter(_list(flat))
    return [(as_text(first), as_text(second)) for first, second in zip(items, items, strict=True)]


def _glimpses(flat: Reply, values: int) -> list[Glimpse]:
    texts = [as_text(part) for part in _list(flat)]
    width = 4 + values
    return [
        Glimpse(texts[i], texts[i + 1], texts[i + 2], _ms(texts[i + 3]), tuple(texts[i + 4 : i + width]))
        for i in range(0, len(texts), width)
    ]


def _ms(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= 15 else 0


def _fields(flat: Reply) -> dict[bytes, bytes]:
    items = iter(cast("list[bytes]", flat))
    return dict(zip(items, items, strict=True))


def _list(reply: Reply) -> list[Reply]:
    return reply if isinstance(reply, list) else []


def _int(reply: Reply) -> int:
    return int(reply) if isinstance(reply, int | float | bytes) else 0


def as_text(reply: Reply) -> str:
    """Bytes as text; what is not UTF-8 (someone else's id) survives a round trip."""
    return reply.decode("utf-8", "surrogateescape") if isinstance(reply, bytes) else str(reply)

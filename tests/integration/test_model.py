"""Queue and ledger against a model: workers that die, freeze, come back and speak late, in every order.

The model is a few fields a job. Redis is real, and so are the scripts, the exchange that workers speak through, what
`decide` makes of an ending, the ledger and the dead letters; only time is not: a lock runs out when a rule says so.
"""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from oxyq.clock import now_ms
from oxyq.dead_letters import DeadLetters
from oxyq.engine import Hub, JobOptions, Keep, Queue
from oxyq.engine.attempt import Rules, dead_letter_id, decide
from oxyq.engine.backoff import BackoffRules
from oxyq.engine.connection import Reply
from oxyq.engine.exchange import Answer, Exchange
from oxyq.engine.job import Job
from oxyq.engine.keys import QueueKeys
from oxyq.engine.scripts import FetchRules, QueueScripts, as_text, is_plain
from oxyq.engine.settlement import HandedBack, Settlement
from oxyq.errors import IdConflict
from oxyq.outcomes import Done, Failed, Later
from oxyq.sending.ledger import IfUnknown, Ledger
from tests.conftest import StartRedis

T = TypeVar("T")

#: 200 in CI, always the same; more of them, each time others: OXYQ_TEST_MODEL_EXAMPLES=5000, some ten minutes.
EXAMPLES = os.environ.get("OXYQ_TEST_MODEL_EXAMPLES")
STEPS = 40
#: Making a failure shorter takes minutes; asked for while looking for its cause.
PHASES = (Phase.explicit, Phase.generate) if not EXAMPLES else tuple(Phase)
WORKERS, ATTEMPTS = 3, 2
QUEUE, ORGANIZATION = "campaign", "org_1"
HOUR_MS = 3_600_000
MOST_JOBS = 10
#: No job may die of stalling here: that is another test's (tests/integration/engine/test_crash.py).
MAX_STALLED = 1000
RULES = Rules(Keep(), Keep(), BackoffRules({}, 0.0), "dead-letter")


KINDS: st.SearchStrategy[IfUnknown] = st.sampled_from(("never", "once"))
#: Which one of those that there are. Rules without preconditions: else Hypothesis takes most steps for adding.
ONE = st.integers(0, MOST_JOBS - 1)


#: What may happen next, the more often the more it leads to something. One rule for all: of several Hypothesis leaves
#: some out in each example, and without fetching nothing else means anything.
ACTS = (
    *("add",) * 2, "add again", *("fetch and claim",) * 8, "fetch",
    "claim", *("send",) * 4, *("note",) * 2, "doubt",
    "done", *("failed",) * 4, "later", "handed back",
    "dies", *("freezes",) * 5, "its lock runs out", "renews", "look",
    "promote", "promote", "cancel", "cancel what runs", *("replay",) * 3, "pause",
)  # fmt: skip


def chosen(one: int, of_these: Sequence[T]) -> T | None:
    return of_these[one % len(of_these)] if of_these else None


@dataclass
class Entry:
    """What the ledger should know of a message."""

    state: str | None = None
    run: str = ""
    repeated: bool = False


@dataclass(eq=False)
class Held:
    """A worker's own idea of a job: it may have lost it long ago, and not know."""

    worker: int
    job: Job
    may_send: bool = False
    went_out: bool = False


@dataclass(eq=False)
class Known:
    """What became of a job, as the model has it."""

    id: str
    if_unknown: IfUnknown
    state: str = "ready"
    """ready, delayed, active, done, buried, cancelled"""
    holder: Held | None = None
    is_locked: bool = False
    entry: Entry = field(default_factory=Entry)
    sends: int = 0
    """What the gateway got: the only truth."""

    def lets(self, held: Held) -> bool:
        """Whether this run may still say how the job ended, or send for it."""
        return self.holder is held and self.is_locked


class QueueAndLedger(RuleBasedStateMachine):
    """Rules are what producers, workers, operators and accidents do; after each the model and Redis must agree."""

    redis_url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.jobs: dict[str, Known] = {}
        self.held: list[Held] = []
        self.is_paused = False
        self.run(self._open())

    async def _open(self) -> None:
        self.hub = Hub(self.redis_url)
        self.queue, self.ledger, self.letters = Queue(QUEUE, hub=self.hub), Ledger(self.hub), DeadLetters(self.hub)
        self.keys, self.grave = QueueKeys(QUEUE), QueueKeys("dead-letter")
        self.scripts = QueueScripts(self.keys, self.hub.commands, self.grave)
        rules = FetchRules(HOUR_MS, "model")
        self.exchanges = [Exchange(self.scripts, rules) for _ in range(WORKERS)]
        await self.hub.commands.ready()
        await self.hub.commands.call("FLUSHALL")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def ask(self, *command: str | int) -> Reply:
        async def call() -> Reply:
            return await self.hub.commands.call(*command)

        return self.run(call())

    @rule(
        act=st.sampled_from(ACTS), one=ONE, worker=st.integers(0, WORKERS - 1), wanted=st.integers(0, 2), kind=KINDS,
        priority=st.sampled_from((0, 3)),
    )  # fmt: skip
    def happens(self, act: str, one: int, worker: int, wanted: int, kind: IfUnknown, priority: int) -> None:
        match act:
            case "add":
                self.add(kind, priority)
            case "add again":
                self.add_again(one)
            case "fetch" | "fetch and claim":
                self.fetch(worker, max(wanted, 1), claims=act == "fetch and claim")
            case "claim" | "send" | "note" | "doubt":
                self.send(one, act)
            case "done" | "failed" | "later" | "handed back":
                self.end(one, act, wanted)
            case "dies" | "freezes" | "its lock runs out" | "renews" | "look":
                self.accident(one, act)
            case _:
                self.operate(one, act)

    # --- producers ------------------------------------------------------------------------------------------------

    @initialize(kinds=st.lists(KINDS, min_size=2, max_size=5))
    def some_jobs(self, kinds: list[IfUnknown]) -> None:
        for kind in kinds:
            self.add(kind, 0)

    def add(self, if_unknown: IfUnknown, priority: int) -> None:
        if len(self.jobs) < MOST_JOBS:
            job_id = f"j-{len(self.jobs)}"
            assert self.run(self._add(job_id, priority, "body"))
            self.jobs[job_id] = Known(job_id, if_unknown)

    def add_again(self, one: int) -> None:
        """The same fact is the same job whatever became of it; another one under its id is refused."""
        known = chosen(one, list(self.jobs.values()))
        if known is None:
            return
        assert not self.run(self._add(known.id, 0, "body"))
        with pytest.raises(IdConflict):
            self.run(self._add(known.id, 0, "another body"))

    async def _add(self, job_id: str, priority: int, body: str) -> bool:
        return await self.queue.add_once(
            "send", {"body": body, "organizationId": ORGANIZATION}, job_id=job_id,
            options=JobOptions(attempts=ATTEMPTS, priority=priority), fingerprint=body, remember_seconds=3600,
        )  # fmt: skip

    # --- workers --------------------------------------------------------------------------------------------------

    def fetch(self, worker: int, wanted: int, claims: bool) -> None:
        before = len(self.held)
        self._trade(worker, None, wanted)
        if self.is_paused:
            self._pause_or_resume()  # soon, since nothing happens while it lasts
        if claims:
            for held in self.held[before:]:
                self.claim(held)

    def send(self, one: int, act: str) -> None:
        """One step of a send; workers that have lost their job, and do not know, take it too."""
        match act:
            case "claim":
                held = chosen(one, self.held)
                if held is not None:
                    self.claim(held)
            case "send":
                held = chosen(one, [held for held in self.held if held.may_send])
                if held is not None:
                    held.may_send, held.went_out = False, True
                    self.jobs[held.job.id].sends += 1
            case _:
                held = chosen(one, [held for held in self.held if held.may_send or held.went_out])
                if held is not None:
                    self.write_down(held, is_known=act == "note")

    def claim(self, held: Held) -> None:
        known = self.jobs[held.job.id]
        claim = self.run(self.ledger.claim(held.job, ORGANIZATION, known.id, known.if_unknown))
        assert claim.verdict == self._verdict(known, held)
        held.may_send, held.went_out = claim.verdict in ("send", "again"), False

    @staticmethod
    def _verdict(known: Known, held: Held) -> str:
        entry = known.entry
        if not known.lets(held):
            return "fenced"
        if entry.state == "sent":
            return "sent"
        if entry.state in ("sending", "unconfirmed"):
            if known.if_unknown == "never" or entry.repeated:
                entry.state = "unconfirmed"
                return "unconfirmed"
            entry.repeated = True
        entry.state, entry.run = "sending", held.job.token
        return "again" if entry.repeated else "send"

    def write_down(self, held: Held, *, is_known: bool) -> None:
        """How it went: sent, surely not sent, or nobody knows."""
        entry, job = self.jobs[held.job.id].entry, held.job
        if held.went_out and is_known:
            self.run(self.ledger.sent(job, ORGANIZATION, job.id, "wamid.1"))
            said, counts = "sent", entry.state != "sent"
        else:
            note = self.ledger.unconfirmed if held.went_out else self.ledger.refused
            self.run(note(job, ORGANIZATION, job.id))
            said = "unconfirmed" if held.went_out else "refused"
            counts = entry.state != "sent" and entry.run == job.token
        held.may_send = held.went_out = False
        if counts:
            entry.state = said

    def end(self, one: int, how: str, wanted: int) -> None:
        """The last attempt that fails goes to the dead letters, an earlier one back to the queue."""
        held = chosen(one, self.held)
        if held is None:
            return
        job = held.job
        match how:
            case "done":
                said = decide(job, Done(None), RULES)[0], "done"
            case "failed":
                said = decide(job, Failed("it failed"), RULES)[0], "buried" if job.is_last_attempt else "ready"
            case "later":
                said = decide(job, Later(now_ms() + HOUR_MS, "later"), RULES)[0], "delayed"
            case _:
                said = HandedBack(job.id, job.token), "ready"
        # What BullMQ's own scripts end is ended beside the fetch: who is first, nobody can say.
        self._trade(held.worker, (held, *said), wanted if is_plain(said[0]) else 0)

    def _trade(self, worker: int, said: tuple[Held, Settlement, str] | None, wanted: int) -> None:
        """One call, as workers make it: how a job ended, and the next ones."""
        endings = [] if said is None else [said[1]]
        answer = self.run(self.exchanges[worker].trade(endings, wanted))
        assert answer.trouble is None
        if said is not None:
            self._ended(*said, answer)
        taken = {raw.id for raw in answer.jobs}
        ready = self._in("ready")
        assert taken <= ready
        assert len(taken) == (0 if self.is_paused else min(wanted, len(ready)))
        for raw in answer.jobs:
            held = Held(worker, Job(raw, QUEUE, None))
            known = self.jobs[raw.id]
            known.state, known.holder, known.is_locked = "active", held, True
            self.held.append(held)

    def _ended(self, held: Held, settlement: Settlement, becomes: str, answer: Answer) -> None:
        known = self.jobs[held.job.id]
        if known.lets(held):
            assert answer.settled == [settlement]
            known.state, known.holder, known.is_locked = becomes, None, False
        else:
            assert not answer.settled, "a run that had lost its job ended it"
            assert [refused for refused, _ in answer.refused] == [settlement]
        self.held.remove(held)

    # --- accidents ------------------------------------------------------------------------------------------------

    def accident(self, one: int, kind: str) -> None:
        """A worker dies: it forgets what it had, and its lock stays. It freezes: its job goes to somebody else."""
        held = chosen(one, self.held)
        if kind == "look" or held is None:
            self.look_for_stalled_jobs()
            return
        known = self.jobs[held.job.id]
        match kind:
            case "dies":
                self.held.remove(held)
            case "renews":
                lost = self.run(self.scripts.extend_locks([(held.job.id, held.job.token)], HOUR_MS))
                assert lost == ([] if known.lets(held) else [held.job.id])
            case "its lock runs out" if known.lets(held):
                self._run_out(known)
            case "freezes" if known.lets(held):
                self.look_for_stalled_jobs()
                self._run_out(known)
                self.look_for_stalled_jobs()
                assert known.state == "ready"

    def _run_out(self, known: Known) -> None:
        self.ask("DEL", self.keys.lock(known.id))
        known.is_locked = False

    def look_for_stalled_jobs(self) -> None:
        """What was active at the last look, and has no lock now, comes back."""
        marked = self._members("SMEMBERS", self.keys.stalled)
        self.ask("DEL", self.keys.stalled_check)
        look = self.run(self.scripts.recover_stalled(MAX_STALLED, 1))
        lost = {known.id for known in self.jobs.values() if known.state == "active" and not known.is_locked}
        assert set(look.recovered) == lost & marked
        assert not look.foreign
        for job_id in look.recovered:
            self.jobs[job_id].state, self.jobs[job_id].holder = "ready", None

    # --- operators ------------------------------------------------------------------------------------------------

    def operate(self, one: int, act: str) -> None:
        states = {"promote": ["delayed"], "cancel": ["ready", "delayed"], "replay": ["buried"]}
        of_these = [known for known in self.jobs.values() if known.state in states.get(act, ["active"])]
        known = chosen(one, of_these)
        if act == "pause":
            self._pause_or_resume()
        elif known is None:
            return
        elif act == "promote":
            assert self.run(self.queue.promote(known.id))
            known.state = "ready"
        elif act == "cancel":
            assert self.run(self.queue.remove(known.id))
            known.state = "cancelled"
        elif act == "replay":
            assert sorted(self.run(self._replay_twice(known.id))) == [False, True]
            known.state = "ready"
        elif known.is_locked:
            assert not self.run(self.queue.remove(known.id))

    def _pause_or_resume(self) -> None:
        self.run(self.queue.resume() if self.is_paused else self.queue.pause())
        self.is_paused = not self.is_paused

    async def _replay_twice(self, job_id: str) -> list[bool]:
        """Two operators at once: one run."""
        letter = await self.letters.get(dead_letter_id(QUEUE, job_id))
        return list(await asyncio.gather(self.letters.replay(letter), self.letters.replay(letter)))

    # --- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def every_job_is_in_one_place(self) -> None:
        """And in that which the model says; counts are what the places hold."""
        k = self.keys
        lists = [self._members("LRANGE", key, 0, -1) for key in (k.wait, k.active)]
        sets = [self._members("ZRANGE", key, 0, -1) for key in (k.prioritized, k.delayed, k.completed, k.failed)]
        (wait, active), (prioritized, delayed, completed, failed) = lists, sets
        assert not wait & prioritized
        found = {
            "ready": wait | prioritized, "active": active, "delayed": delayed, "done": completed, "buried": failed,
        }  # fmt: skip
        assert found == {state: self._in(state) for state in found}
        counts = self.run(self.queue.counts())
        numbers = {
            "waiting": "ready",
            "active": "active",
            "delayed": "delayed",
            "completed": "done",
            "failed": "buried",
        }
        assert {name: counts[name] for name in numbers} == {name: len(found[state]) for name, state in numbers.items()}

    @invariant()
    def a_job_has_one_owner_at_most(self) -> None:
        for known in self.jobs.values():
            token = self.ask("GET", self.keys.lock(known.id))
            assert (token is not None) == known.is_locked
            if known.is_locked and known.holder is not None:
                assert token == known.holder.job.token.encode()

    @invariant()
    def every_last_failure_has_its_letter(self) -> None:
        letters = self._members("LRANGE", self.grave.wait, 0, -1)
        assert letters == {dead_letter_id(QUEUE, job_id) for job_id in self._in("buried")}

    @invariant()
    def the_ledger_says_what_is_known(self) -> None:
        for known in self.jobs.values():
            entry = self.run(self.ledger.entry(ORGANIZATION, known.id))
            assert (entry and entry.state) == known.entry.state

    @invariant()
    def nobody_gets_more_than_is_promised(self) -> None:
        for known in self.jobs.values():
            assert known.sends <= (1 if known.if_unknown == "never" else 2)

    def _in(self, state: str) -> set[str]:
        return {known.id for known in self.jobs.values() if known.state == state}

    def _members(self, *command: str | int) -> set[str]:
        reply = self.ask(*command)
        assert isinstance(reply, list)
        names = [as_text(name) for name in reply]
        assert len(names) == len(set(names)), f"twice in {command[1]}"
        return set(names)

    def teardown(self) -> None:
        """In the end everything that was accepted comes to its end, and nothing is left behind."""
        try:
            self._finish()
        finally:
            self.run(self.hub.close())
            self.runner.close()

    def _finish(self) -> None:
        if self.is_paused:
            self._pause_or_resume()
        for known in self.jobs.values():
            if known.is_locked:
                self._run_out(known)
            if known.state == "delayed":
                assert self.run(self.queue.promote(known.id))
                known.state = "ready"
        for _ in range(2):
            self.look_for_stalled_jobs()
        while self._in("ready"):
            self._trade(0, None, 3)
            for held in [held for held in self.held if self.jobs[held.job.id].lets(held)]:
                self._trade(0, (held, decide(held.job, Done(None), RULES)[0], "done"), 0)
        self.every_job_is_in_one_place()
        assert not self._in("active")
        assert self._members("SMEMBERS", self.keys.stalled) == set()
        assert self._members("KEYS", f"{self.keys.base}*:lock") == set()


@pytest.mark.timeout(900 if EXAMPLES else 240)
def test_whatever_happens_in_whatever_order(start_redis: StartRedis) -> None:
    """Terminal stays terminal, one owner a job, no message twice that must not be, and everything ends somewhere."""
    QueueAndLedger.redis_url = start_redis().url
    run_state_machine_as_test(
        QueueAndLedger,
        settings=settings(
            max_examples=int(EXAMPLES or 200), stateful_step_count=STEPS, deadline=None, derandomize=not EXAMPLES,
            database=None, suppress_health_check=list(HealthCheck), phases=PHASES,
        ),
    )  # fmt: skip

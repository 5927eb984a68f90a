"""What a worker says to Redis: how its jobs ended, and "give me the next ones", together in one round trip."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from oxyq.engine.connection import ConnectionLost, RedisReplyError
from oxyq.engine.scripts import NOT_PLAIN, FetchRules, QueueScripts, is_plain
from oxyq.engine.settlement import LOST, REFUSALS, RawJob, Settlement
from oxyq.errors import QueueUnavailable

#: Endings and jobs per call of the batch script: about a millisecond of Redis's time with retention, half without.
MOST_PER_CALL = 25
#: For so long nothing is taken while a flood of jobs is sorted into turns (some 100,000 of them). After that those that
#: are sorted are taken meanwhile: jobs that come faster than they can be sorted must not stop the queue.
LONGEST_SORTING_SECONDS = 1.0


@dataclass(slots=True)
class Answer:
    """What came of one exchange."""

    jobs: list[RawJob] = field(default_factory=list)
    settled: list[Settlement] = field(default_factory=list)
    #: Refused, with BullMQ's code: not ours any more, or (children) not to be ended this way.
    refused: list[tuple[Settlement, int]] = field(default_factory=list)
    #: Cannot be said at all, with the error: something in it cannot be packed.
    unsayable: list[tuple[Settlement, BaseException]] = field(default_factory=list)
    #: To be said again: Redis could not be reached, or refused for now.
    unsaid: list[Settlement] = field(default_factory=list)
    limited_ms: int = 0
    next_at_ms: int = 0
    #: A settlement was written, but whether there is a next job was not said: it takes another question.
    inconclusive: bool = False
    trouble: str | None = None
    #: (id, type) of what was among the jobs and is none.
    foreign: list[tuple[str, str]] = field(default_factory=list)
    #: A script stopped at something that is no job, and could not say at what.
    wrong_type: bool = False


class Exchange:
    """The conversation of one worker with its queue.

    A reply that gets lost leaves two questions: were the jobs settled, and were we handed others? The first is
    answered by saying it again (a lock that is gone then means yes), the second by looking for our token in active.
    """

    def __init__(self, scripts: QueueScripts, rules: FetchRules) -> None:
        self._scripts = scripts
        self._rules = rules
        self._worker_token = secrets.token_hex(8)
        self._fetches = 0
        #: (job id, token) of settlements that were sent without an answer; they may have been written.
        self._said_before: set[tuple[str, str]] = set()
        self._lost_tokens: set[str] = set()
        #: Since when every answer said that jobs are left to be sorted into turns.
        self._sorting_since: float | None = None

    async def trade(self, endings: Sequence[Settlement], wanted: int) -> Answer:
        """Settle all `endings` and take up to `wanted` jobs, at most MOST_PER_CALL each; never raises for Redis."""
        answer = Answer()
        if self._lost_tokens:
            await self._reclaim(answer)
            wanted = 0  # what was found takes those places
            answer.inconclusive = True
        special = [ending for ending in endings if not is_plain(ending)]
        plain = [ending for ending in endings if is_plain(ending)] if special else endings
        if not special:
            await self._batch(plain, wanted, answer)  # nearly always, and without a task
            return answer
        calls = [self._one(ending, answer) for ending in special]
        await asyncio.gather(self._batch(plain, wanted, answer), *calls)
        return answer

    async def _batch(self, endings: Sequence[Settlement], wanted: int, answer: Answer) -> None:
        if not endings and not wanted:
            return
        token = self._new_token()
        try:
            batch = await self._scripts.settle_and_fetch(
                endings, wanted, token, self._rules, hurry=self._is_in_a_hurry()
            )
        except QueueUnavailable as error:
            if isinstance(error, ConnectionLost) and error.sent and wanted:
                self._lost_tokens.add(token)
            for ending in endings:
                self._not_said(ending, error, answer)
            self._trouble(error, answer)
            return
        except Exception as error:
            # Something in one of them cannot be packed: find out which, one by one.
            await asyncio.gather(*(self._alone(ending, error, answer) for ending in endings))
            answer.inconclusive = True
            return
        answer.jobs += batch.jobs
        answer.foreign += batch.foreign
        answer.limited_ms = max(answer.limited_ms, batch.limited_ms)
        answer.next_at_ms = batch.next_at_ms or answer.next_at_ms
        if wanted:
            self._note_sorting(batch.are_unsorted, answer)
        if not self._said_before and not any(batch.codes):
            answer.settled += endings
            return
        for ending, code in zip(endings, batch.codes, strict=True):
            if code == NOT_PLAIN:
                await self._one(ending, answer)
            else:
                self._said(ending, code, answer)

    def _is_in_a_hurry(self) -> bool:
        return self._sorting_since is not None and time.monotonic() - self._sorting_since > LONGEST_SORTING_SECONDS

    def _note_sorting(self, are_unsorted: bool, answer: Answer) -> None:
        answer.inconclusive |= are_unsorted
        if not are_unsorted:
            self._sorting_since = None
        elif self._sorting_since is None:
            self._sorting_since = time.monotonic()

    async def _alone(self, ending: Settlement, error: Exception, answer: Answer) -> None:
        try:
            batch = await self._scripts.settle_and_fetch([ending], 0, "", self._rules)
        except QueueUnavailable as unavailable:
            self._not_said(ending, unavailable, answer)
            self._trouble(unavailable, answer)
        except Exception:
            answer.unsayable.append((ending, error))
        else:
            self._said(ending, batch.codes[0], answer)

    async def _one(self, ending: Settlement, answer: Answer) -> None:
        """By BullMQ's own scripts: a job with a parent or children, a burial, a job handed back."""
        try:
            code = await self._scripts.settle(ending, self._rules)
        except QueueUnavailable as error:
            self._not_said(ending, error, answer)
            self._trouble(error, answer)
        except Exception as error:
            answer.unsayable.append((ending, error))
        else:
            self._said(ending, code, answer)

    def _said(self, ending: Settlement, code: int, answer: Answer) -> None:
        said_before = (ending.job_id, ending.token) in self._said_before
        self._said_before.discard((ending.job_id, ending.token))
        if code == 0 or (said_before and code in LOST):
            answer.settled.append(ending)
        else:
            answer.refused.append((ending, code))

    def _not_said(self, ending: Settlement, error: QueueUnavailable, answer: Answer) -> None:
        answer.unsaid.append(ending)
        if _may_have_run(error):
            self._said_before.add((ending.job_id, ending.token))

    @staticmethod
    def _trouble(error: QueueUnavailable, answer: Answer) -> None:
        answer.trouble = str(error)
        answer.wrong_type |= isinstance(error, RedisReplyError) and error.code == "WRONGTYPE"

    async def _reclaim(self, answer: Answer) -> None:
        """Take over the jobs that were handed to us in lost replies, instead of letting them stall."""
        # Taken out first: two conversations must not find the same job.
        tokens, self._lost_tokens = list(self._lost_tokens), set()
        try:
            found = await self._scripts.reclaim(tokens)
        except QueueUnavailable as error:
            self._lost_tokens.update(tokens)
            answer.trouble = str(error)
            return
        answer.jobs.extend(found)

    def _new_token(self) -> str:
        self._fetches += 1
        return f"{self._worker_token}:{self._fetches}"


#: Errors by which Redis says that it did nothing; after any other one a script may have done part of its work.
DID_NOTHING = frozenset("BUSY CLUSTERDOWN LOADING MASTERDOWN MISCONF NOAUTH NOPERM NOREPLICAS OOM READONLY".split())


def _may_have_run(error: QueueUnavailable) -> bool:
    if isinstance(error, RedisReplyError):
        return error.code not in DID_NOTHING
    return not isinstance(error, ConnectionLost) or error.sent


def refusal(code: int) -> str:
    """Why BullMQ refused a settlement, in words."""
    return REFUSALS.get(code, f"BullMQ refused with code {code}")

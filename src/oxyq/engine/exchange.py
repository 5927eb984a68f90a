"""What a worker says to Redis: how its jobs ended, and "give me the next ones", together in one round trip."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from oxyq.engine.connection import ConnectionLost, RedisReplyError
from oxyq.engine.scripts import FetchRules, QueueScripts
from oxyq.engine.settlement import LOST, REFUSALS, Fetched, RawJob, Settled, Settlement
from oxyq.errors import QueueUnavailable


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
    foreign: bool = False


class Exchange:
    """The conversation of one worker with its queue.

    A reply that gets lost leaves two questions: was the job settled, and were we handed another one? The first is
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

    async def trade(self, endings: Sequence[Settlement], wanted: int) -> Answer:
        """Settle all `endings` and take up to `wanted` jobs; never raises for what Redis does."""
        answer = Answer()
        if self._lost_tokens:
            await self._reclaim(answer)
            wanted = 0  # what was found takes those places
            answer.inconclusive = True
        tokens = [self._new_token() for _ in range(max(wanted - len(endings), 0))]
        replies = await asyncio.gather(
            *(self._scripts.settle(ending, self._rules, fetch_next=i < wanted) for i, ending in enumerate(endings)),
            *(self._scripts.fetch(token, self._rules) for token in tokens),
            return_exceptions=True,
        )
        for i, (ending, reply) in enumerate(zip(endings, replies[: len(endings)], strict=True)):
            self._settled(ending, reply, answer)
            answer.inconclusive |= i < wanted and isinstance(reply, Settled) and reply.fetched is None
        for token, fetched in zip(tokens, replies[len(endings) :], strict=True):
            self._fetched(token, fetched, answer)
        return answer

    def _settled(self, ending: Settlement, reply: object, answer: Answer) -> None:
        if isinstance(reply, Settled):
            self._read_settled(ending, reply, answer)
        elif not isinstance(reply, QueueUnavailable):
            answer.unsayable.append((ending, _as_error(reply)))
        else:
            self._failed(ending.token, reply, answer)
            answer.unsaid.append(ending)
            if _may_have_run(reply):
                self._said_before.add((ending.job_id, ending.token))

    def _read_settled(self, ending: Settlement, reply: Settled, answer: Answer) -> None:
        said_before = (ending.job_id, ending.token) in self._said_before
        self._said_before.discard((ending.job_id, ending.token))
        if reply.code == 0 or (said_before and reply.code in LOST):
            answer.settled.append(ending)
        else:
            answer.refused.append((ending, reply.code))
        if reply.fetched is not None:
            self._read_fetched(reply.fetched, answer)

    def _fetched(self, token: str, reply: object, answer: Answer) -> None:
        if isinstance(reply, Fetched):
            self._read_fetched(reply, answer)
        else:
            self._failed(token, reply, answer)

    @staticmethod
    def _read_fetched(fetched: Fetched, answer: Answer) -> None:
        if fetched.job is not None:
            answer.jobs.append(fetched.job)
        answer.limited_ms = max(answer.limited_ms, fetched.limited_ms)
        answer.next_at_ms = fetched.next_at_ms or answer.next_at_ms

    def _failed(self, token: str, reply: object, answer: Answer) -> None:
        if not isinstance(reply, QueueUnavailable):
            raise _as_error(reply)
        if isinstance(reply, ConnectionLost) and reply.sent:
            self._lost_tokens.add(token)
        answer.foreign |= isinstance(reply, RedisReplyError) and reply.code == "WRONGTYPE"
        answer.trouble = str(reply)

    async def _reclaim(self, answer: Answer) -> None:
        """Take over the jobs that were handed to us in lost replies, instead of letting them stall."""
        tokens = list(self._lost_tokens)
        try:
            found = await self._scripts.reclaim(tokens)
        except QueueUnavailable as error:
            answer.trouble = str(error)
            return
        self._lost_tokens.difference_update(tokens)
        # A job whose settlement did not arrive is still active under its token; it is about to be said again.
        answer.jobs.extend(job for job in found if (job.id, job.token) not in self._said_before)

    def _new_token(self) -> str:
        self._fetches += 1
        return f"{self._worker_token}:{self._fetches}"


#: Errors by which Redis says that it did nothing; after any other one a script may have done part of its work.
DID_NOTHING = frozenset("BUSY CLUSTERDOWN LOADING MASTERDOWN MISCONF NOAUTH NOPERM NOREPLICAS OOM READONLY".split())


def _may_have_run(error: QueueUnavailable) -> bool:
    if isinstance(error, RedisReplyError):
        return error.code not in DID_NOTHING
    return not isinstance(error, ConnectionLost) or error.sent


def _as_error(reply: object) -> BaseException:
    return reply if isinstance(reply, BaseException) else TypeError(f"unexpected reply {reply!r}")


def refusal(code: int) -> str:
    """Why BullMQ refused a settlement, in words."""
    return REFUSALS.get(code, f"BullMQ refused with code {code}")

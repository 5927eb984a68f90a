"""What an engine tells whoever follows jobs from their producer to their end; no SDK is known here.

A job carries the trace it belongs to in its option `tm`, as Node's `bullmq-otel` writes and reads it.
"""

from contextlib import AbstractContextManager
from typing import Final, Protocol

from oxyq.engine.attempt import AsyncHandler
from oxyq.engine.job import Job
from oxyq.engine.scripts import NewJob
from oxyq.outcomes import JsonValue, Outcome

#: BullMQ's name of the option: JSON of the headers that would go with a request, as a text.
CARRIED: Final = "tm"


class Run(Protocol):
    """One attempt that is followed."""

    def ended(self, result: "JsonValue | Outcome") -> None:
        """The handler returned this."""


class Tracing(Protocol):
    """Follows jobs; each of these is a span around what is done meanwhile."""

    def adding(self, queue: str, job: NewJob) -> AbstractContextManager[str]:
        """Around adding one job; gives what it is to carry."""

    def adding_together(self, queue: str) -> AbstractContextManager[str]:
        """Around adding many, which all carry what this gives."""

    def adding_apart(self, queue: str, job: NewJob) -> str:
        """One of many that begins a trace of its own, linked to the one that adds it; gives what it is to carry."""

    def running(self, job: Job) -> AbstractContextManager[Run]:
        """Around one attempt, as part of the trace that the job carries."""


def followed(handler: AsyncHandler, tracing: Tracing) -> AsyncHandler:
    """The handler, each of its runs followed."""

    async def run(job: Job) -> "JsonValue | Outcome":
        with tracing.running(job) as told:
            result = await handler(job)
            told.ended(result)
            return result

    return run

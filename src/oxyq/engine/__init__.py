"""A BullMQ-compatible queue engine for asyncio, usable without the rest of Oxyq."""

from oxyq.engine.attempt import AttemptTimedOut
from oxyq.engine.backoff import Backoff
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job, Unrecoverable
from oxyq.engine.options import Entry, JobOptions
from oxyq.engine.queue import Queue
from oxyq.engine.record import JobRecord
from oxyq.engine.settlement import Keep
from oxyq.engine.turns import Turns
from oxyq.engine.worker import Rate, Worker

__all__ = [
    "AttemptTimedOut",
    "Backoff",
    "Entry",
    "Hub",
    "Job",
    "JobOptions",
    "JobRecord",
    "Keep",
    "Queue",
    "Rate",
    "Turns",
    "Unrecoverable",
    "Worker",
]

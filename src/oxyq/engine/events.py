"""What an engine tells about its work, as values; whoever listens may raise without any effect on the work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from oxyq.engine.job import Job


@dataclass(slots=True)  # not frozen: one per job, and that would cost half a microsecond
class JobCompleted:
    """A job was done and its completion is written; `seconds` is how long the handler ran."""

    job: Job
    seconds: float
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class JobFailed:
    """An attempt failed; `retry_in_ms` is None when it was the last one and the job is buried.

    `seconds` is how long the handler ran; None for a job that failed without being run.
    """

    job: Job
    reason: str
    retry_in_ms: int | None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class JobPostponed:
    """A job asked to run later, without using up an attempt; `seconds` is how long the handler ran."""

    job: Job
    delay_ms: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class JobQuarantined:
    """Something in the queue is no readable job and went to the dead letters."""

    queue: str
    job_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobLost:
    """A job in hand is not ours any more: its lock ran out or somebody removed it; its handler was stopped.

    `job` is None where its handler had ended already.
    """

    queue: str
    job_id: str
    reason: str
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class JobHandedBack:
    """A job outlived the grace of a stopping worker and went back to its queue; `job` is None if it never ran."""

    queue: str
    job_id: str
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class JobsRecovered:
    """Jobs of workers that died went back to wait."""

    queue: str
    job_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerTrouble:
    """A worker could not do something now and will try again; `text` says what."""

    queue: str
    text: str


EngineEvent: TypeAlias = (
    JobCompleted | JobFailed | JobPostponed | JobQuarantined | JobLost | JobHandedBack | JobsRecovered | WorkerTrouble
)
Listener: TypeAlias = Callable[[EngineEvent], None]

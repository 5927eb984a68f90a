"""The one way every job of ours is run: decode, admit, handle, settle, report."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from oxyq.engine.job import Job
from oxyq.errors import InvalidPayload, NewerPayload, PermanentError
from oxyq.jobs import AnyPayload, decode
from oxyq.organizations import Organization
from oxyq.outcomes import Discard, Done, Failed, JsonValue, Later, Outcome
from oxyq.sending.sender import NotYet, OrganizationPaused
from oxyq.telemetry.events import JobHandled, Telemetry


class Organizations(Protocol):
    """Where organizations are looked up."""

    async def get(self, organization_id: str) -> Organization | None:
        """The organization, or None."""


@dataclass(frozen=True, slots=True)
class Task:
    """A job that was let in: what is asked, by whom, and the job it came as."""

    payload: AnyPayload
    organization: Organization
    job: Job


Handle: TypeAlias = Callable[[Task], Awaitable[Outcome]]
Hold: TypeAlias = Callable[[Job, str], Awaitable[Later]]
Elsewhere: TypeAlias = Callable[[Job, AnyPayload, bool], Awaitable[Outcome | None]]
"""What becomes of a job whose organization is on another server; None: it is here. Told whether it is known here."""
Leave: TypeAlias = Callable[[Job, NewerPayload], Awaitable[Later | Discard]]
Report: TypeAlias = Callable[[Task, Outcome], Awaitable[None]]


class _NotHere(Exception):
    """The job's organization is on another server, or on its way."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Runner:
    """Runs jobs: `handlers` says who handles which payload, `hold` puts off those of an organization that is paused,
    `leave` those that only a newer release can read, `report` hears how each ended. `elsewhere` is asked where there
    are several servers."""

    def __init__(
        self,
        organizations: Organizations,
        handlers: Mapping[type[AnyPayload], Handle],
        hold: Hold,
        leave: Leave,
        report: Report,
        telemetry: Telemetry,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._organizations = organizations
        self._handlers = handlers
        self._hold = hold
        self._leave = leave
        self._report = report
        self._telemetry = telemetry
        self._elsewhere = elsewhere

    async def run_job(self, job: Job) -> Outcome:
        """Run one job and return how it ended; a failed attempt is raised, so that the engine keeps its trace."""
        task = None
        try:
            task = await self._admit(job, decode(job.queue, job.data))
            outcome = await self._handle(task)
        except NewerPayload as error:
            return await self._leave(job, error)
        except _NotHere as error:
            outcome = error.outcome
        except Exception as error:
            outcome = self._settle(error)
            if isinstance(outcome, Failed):
                await self._tell(job, task, outcome)
                raise
        await self._tell(job, task, outcome)
        return outcome

    async def _admit(self, job: Job, payload: AnyPayload) -> Task:
        organization = await self._organizations.get(payload.organization_id)
        if self._elsewhere is not None:
            outcome = await self._elsewhere(job, payload, organization is not None)
            if outcome is not None:
                raise _NotHere(outcome)
        if organization is None:
            raise PermanentError(
                f"organizationId: {payload.organization_id!r} is unknown here; add it with: oxyq orgs set"
            )
        return Task(payload, organization, job)

    async def _handle(self, task: Task) -> Outcome:
        try:
            return await self._handlers[type(task.payload)](task)
        except OrganizationPaused:
            return await self._hold(task.job, task.organization.id)

    def _settle(self, error: Exception) -> Outcome:
        """What an error means for the job; this is the only place that decides it."""
        match error:
            case InvalidPayload():
                return Discard(f"invalid: {error}")
            case NotYet():
                return Later(error.at_ms, str(error))
            case PermanentError():
                return Discard(str(error))
            case _:
                return Failed(str(error) or type(error).__name__)

    async def _tell(self, job: Job, task: Task | None, outcome: Outcome) -> None:
        if task is not None:
            await self._report(task, outcome)
        value: JsonValue = outcome.value if isinstance(outcome, Done) else None
        detail = str(value.get("route") or value.get("status") or "") if isinstance(value, dict) else ""
        detail = detail if isinstance(outcome, Done) else outcome.reason
        organization_id = task.organization.id if task is not None else ""
        self._telemetry.emit(JobHandled(job.queue, job.id, organization_id, type(outcome).__name__.lower(), detail))

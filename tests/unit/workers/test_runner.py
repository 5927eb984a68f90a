"""Every ending of a job, decided in one place."""

import json

import pytest

from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.errors import InvalidPayload, NewerPayload, PermanentError, TemporaryError
from oxyq.gateways.base import MaybeSent, NeverWill, NotSent
from oxyq.jobs import Automation, InboundMessage
from oxyq.organizations import Organization, demo_organization
from oxyq.outcomes import Discard, Done, Failed, Later, Outcome
from oxyq.sending.sender import NotYet, OrganizationPaused
from oxyq.telemetry.events import Event, JobHandled, Telemetry
from oxyq.workers.runner import Runner, Task

NOW_MS = 1_795_377_084_000
REMINDER = {
    "automationId": "a1", "organizationId": "org_demo", "type": "reminder", "recipientNumber": "5511999990001",
    "content": "Olá",
}  # fmt: skip


class _Organizations:
    async def get(self, organization_id: str) -> Organization | None:
        return demo_organization() if organization_id == "org_demo" else None


class _Case:
    """A runner whose handler ends as the test wants, and what it reported."""

    def __init__(self, ending: Outcome | Exception) -> None:
        self.reported: list[Outcome] = []
        self.events: list[Event] = []
        telemetry = Telemetry()
        telemetry.listen(self.events.append)

        async def handle(task: Task) -> Outcome:
            if isinstance(ending, Exception):
                raise ending
            return ending

        async def report(task: Task, outcome: Outcome) -> None:
            self.reported.append(outcome)

        async def hold(job: Job, organization_id: str) -> Later:
            return Later(NOW_MS + 600_000, f"{job.id} of {organization_id} is held")

        async def leave(job: Job, why: NewerPayload) -> Later:
            return Later(NOW_MS + 60_000, f"{job.id}: {why}")

        handlers = {Automation: handle, InboundMessage: handle}
        self.runner = Runner(_Organizations(), handlers, hold, leave, report, telemetry)  # type: ignore[arg-type]


def _job(data: object = REMINDER, *, attempts_made: int = 0) -> Job:
    fields = {b"name": b"any", b"data": json.dumps(data).encode(), b"opts": b'{"attempts":3}'}
    return Job(RawJob("auto-1", "token", {**fields, b"atm": str(attempts_made).encode()}), "automation", None)


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (Done({"status": "sent"}), Done({"status": "sent"})),
        (Later(NOW_MS + 5, "not due yet"), Later(NOW_MS + 5, "not due yet")),
        (NeverWill("not on WhatsApp"), Discard("not on WhatsApp")),
        (PermanentError("never"), Discard("never")),
        (InvalidPayload("template", "is broken"), Discard("invalid: template: is broken")),
        (NotYet("number limit", NOW_MS + 2_500), Later(NOW_MS + 2_500, "number limit")),
        (OrganizationPaused("paused"), Later(NOW_MS + 600_000, "auto-1 of org_demo is held")),
    ],
)
async def test_an_ending_is_returned_and_reported(ending: Outcome | Exception, outcome: Outcome) -> None:
    """What the handler returns or raises becomes one outcome, told once."""
    case = _Case(ending)

    assert await case.runner.run_job(_job()) == outcome
    assert case.reported == [outcome]
    assert [type(event) for event in case.events] == [JobHandled]


@pytest.mark.parametrize(
    "error", [NotSent("refused"), MaybeSent("lost"), TemporaryError("busy", 3.0), ValueError("a bug"), KeyError()]
)
async def test_a_failed_attempt_is_raised_after_it_was_reported(error: Exception) -> None:
    """The engine needs the exception itself: for its trace, and for how long it asks to wait."""
    case = _Case(error)

    with pytest.raises(type(error)):
        await case.runner.run_job(_job())

    assert case.reported == [Failed(str(error) or "KeyError")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            {**REMINDER, "organizationId": "org_x"},
            "organizationId: 'org_x' is unknown here; add it with: oxyq orgs set",
        ),
        ({**REMINDER, "content": ""}, "invalid: content: "),
        ("no object", "invalid: payload: "),
    ],
)
async def test_what_is_not_let_in_is_discarded_before_anything_is_done(data: object, reason: str) -> None:
    """A payload that fits no model, or of a tenant nobody knows, never reaches a handler."""
    case = _Case(Done())

    outcome = await case.runner.run_job(_job(data))

    assert isinstance(outcome, Discard)
    assert outcome.reason.startswith(reason)
    assert case.reported == []


async def test_what_only_a_newer_release_can_read_is_left_and_nobody_here_has_a_say() -> None:
    case = _Case(Done())

    outcome = await case.runner.run_job(_job({**REMINDER, "v": 2}))

    assert outcome == Later(
        NOW_MS + 60_000, "auto-1: v: is 2, and this release reads 1 at most; newer workers take it"
    )  # fmt: skip
    assert (case.reported, case.events) == ([], [])

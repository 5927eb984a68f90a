"""What can go wrong, split by what the caller can do about it.

OxyqError
├── ConfigurationError    a setting or the set-up is wrong: correct it and start again
├── InvalidPayload        the data is wrong: correct the named field and send it again
│   └── NewerPayload         a newer release wrote it: its workers will take it
├── IdConflict            this id was taken by other data: use another id, or the same data
├── QueueUnavailable      Redis did not take or give it: try again later
│   ├── OrganizationMoving  it is on its way to another Redis server: try again in seconds
│   └── MemoryFull        nothing new is taken in while Redis's memory is nearly full: try again later
├── QuotaExceeded         the organization has added all that it may for now: try again later
├── NotFound              there is no such thing: check the id
├── NotAllowed            it cannot be done as things stand: the message says what can
├── TemporaryError        it failed now and may work later: retried by the queue's policy
│   ├── gateways.NotSent      (also a GatewayError)
│   ├── gateways.SlowDown     (also a GatewayError)
│   ├── gateways.InstanceHalted  (also a GatewayError)
│   └── replies.AiUnavailable  no language model answered, and one may later
├── PermanentError        it will never work as it is: straight to the dead letters
│   └── gateways.NeverWill    (also a GatewayError)
└── gateways.GatewayError  everything a gateway may raise, see gateways/base.py
    └── gateways.MaybeSent    nobody can know whether it was sent
"""

import math
from collections.abc import Sequence


class OxyqError(Exception):
    """Anything that Oxyq raises on purpose."""


class ConfigurationError(OxyqError):
    """One or more settings are wrong; `problems` holds one line for each, naming the setting and the fix."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class InvalidPayload(OxyqError):
    """A field holds something we do not take; `problem` says what and how to correct it.

    `field` is the path as it is written on the wire (`recipients[3].number`).
    `more` holds further (field, problem) pairs found in the same data, at most a handful.
    """

    def __init__(self, field: str, problem: str, more: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(field, problem, more)
        self.field = field
        self.problem = problem
        self.more = tuple(more)

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """Every (field, problem) pair, the first one included."""
        return ((self.field, self.problem), *self.more)

    def __str__(self) -> str:
        return "; ".join(f"{field}: {problem}" for field, problem in self.problems)


class NewerPayload(InvalidPayload):
    """A newer release wrote this, and this one cannot read it; nothing is wrong with it."""


class IdConflict(OxyqError):
    """A job with this id was accepted before, with different data."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return (
            f"{self.job_id}: a job with this id was accepted before with different data; "
            "send the same data again, or change the id field (messageId, automationId or campaignId)"
        )


class QueueUnavailable(OxyqError):
    """Redis could not be reached in time, or refused.

    Whether a job was stored is then unknown: repeat the call as it is, and it will be one job.
    """


class OrganizationMoving(QueueUnavailable):
    """Nothing can be done for this organization for the seconds of its move; `retry_after_seconds`: when to try again.

    Where it was being done already when the move began, nobody knows: repeat it, it will be done once.
    """

    retry_after_seconds = 2

    def __init__(self, organization_id: str) -> None:
        super().__init__(organization_id)
        self.organization_id = organization_id

    def __str__(self) -> str:
        return (
            f"organization {self.organization_id} is being moved to another Redis server; "
            f"send the same again in {self.retry_after_seconds} s, it will be done once"
        )


class MemoryFull(QueueUnavailable):
    """Nothing was added, so that what was accepted can go on; `retry_after_seconds` is when to try again."""

    retry_after_seconds = 10

    def __init__(self, percent: int, limit: int) -> None:
        super().__init__(percent, limit)
        self.percent = percent
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"Redis has used {self.percent} % of its memory; from {self.limit} % on (OXYQ_INTAKE_MEMORY_PERCENT) "
            "nothing new is taken in until workers have made room. Nothing was added: send the same again in "
            f"{self.retry_after_seconds} s"
        )


class QuotaExceeded(OxyqError):
    """Nothing was added: the organization's quota is used up, and after `retry_after_seconds` has room for one job."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.retry_after_seconds = math.ceil(seconds)

    def __str__(self) -> str:
        return (
            "the organization has added all the jobs that its quota allows for now. Nothing was added: send the same "
            f"again in {self.retry_after_seconds} s, or have its quota raised"
        )


class NotFound(OxyqError):
    """There is no such job, dead letter, campaign or organization."""


class NotAllowed(OxyqError):
    """It cannot be done with this campaign as it stands; the message says why."""


class TemporaryError(OxyqError):
    """It failed now and may work later; `retry_after_seconds` is the other side's wish, or None."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, retry_after_seconds)
        self.message = message
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return self.message


class PermanentError(OxyqError):
    """It will never work as it is; retrying is pointless."""

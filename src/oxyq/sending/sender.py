"""The one way a message goes out: claim it, wait for its turn, send, write down."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from oxyq.clock import now_ms
from oxyq.engine.job import Job
from oxyq.errors import QueueUnavailable, TemporaryError
from oxyq.gateways.base import InstanceHalted, MaybeSent, NeverWill, NotReady, NotSent, Scope, SlowDown
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.outbound import Outbound, OutboundTemplate, OutboundText
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.pacing.limiter import Go, Kind, Lane, Limiter
from oxyq.sending.lanes import first_instance, lane_through
from oxyq.sending.ledger import Gate, IfUnknown, Ledger, Why
from oxyq.telemetry.events import LimitMet, SendEnded, Telemetry


@dataclass(frozen=True, slots=True)
class Sent:
    """It went out as `provider_id`, now or in an earlier run; `may_be_twice`: an earlier run may have sent it too."""

    provider_id: str
    may_be_twice: bool = False


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """It may have gone out; nobody knows, and it is not sent again."""


def sent_value(sent: "Sent | Unconfirmed | Kept") -> dict[str, JsonValue]:
    """As it stands in a job's result."""
    match sent:
        case Kept(why):
            return {"status": why}
        case Unconfirmed():
            return {"status": "unconfirmed"}
        case Sent(provider_id, may_be_twice=True):
            return {"status": "sent", "providerId": provider_id, "mayBeTwice": True}
        case Sent(provider_id):
            return {"status": "sent", "providerId": provider_id}


@dataclass(frozen=True, slots=True)
class Kept:
    """It was kept back at the last moment, for this reason; nothing went out."""

    why: Why


class LostJob(TemporaryError):
    """The job belongs to another run by now, which sends; nothing went out here."""


class NotYet(TemporaryError):
    """Nothing went out, and nothing may before `at_ms` (ms since 1970); waiting uses no attempt.

    `held_ms`: that time, where the limits promise it to this message.
    """

    def __init__(self, message: str, at_ms: int, *, held_ms: int | None = None) -> None:
        super().__init__(message)
        self.at_ms = at_ms
        self.held_ms = held_ms


class OrganizationPaused(TemporaryError):
    """Nothing went out, and nothing will before the organization is resumed; waiting uses no attempt."""


#: What to do when nobody knows whether an earlier run sent it: people who wait for an answer rather get it twice.
_IF_UNKNOWN: Final[Mapping[Kind, IfUnknown]] = {"message": "once", "automation": "once", "campaign": "never"}
#: A shorter wait is waited in place: putting the job off would take about as long.
IN_PLACE_MS: Final = 50
#: What "slow down" means when the other side does not say for how long.
SLOW_DOWN_SECONDS: Final = {"pair": 6.0, "number": 1.0, "campaign": 3600.0}
#: How a try ended that raised, for who counts: the first that fits, by what it raised or (NotYet) why.
_RAISED: Final[Sequence[tuple[type[BaseException], str]]] = (
    (SlowDown, "slow_down"), (NotReady, "not_ready"), (InstanceHalted, "halted"), (NotYet, "limited"),
    (OrganizationPaused, "paused"), (LostJob, "lost"), (MaybeSent, "maybe_sent"), (NeverWill, "refused"),
    (NotSent, "not_sent"), (QueueUnavailable, "redis_away"),
)  # fmt: skip
#: How soon a number that is not connected, or halted until somebody sees to it, is tried again by one message.
NOT_READY_SECONDS: Final = 5.0
HALTED_SECONDS: Final = 300.0


class Sender:
    """Sends through each number's gateway what the limits and the ledger let through.

    `number_told` hears the organization, the number, and why nothing will go out by it before somebody acts; None once
    something did.
    """

    def __init__(
        self,
        gateways: Gateways,
        ledger: Ledger,
        limiter: Limiter,
        number_told: Callable[[str, str, str | None], None] = lambda organization_id, instance_id, halted: None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._gateways = gateways
        self._ledger = ledger
        self._limiter = limiter
        self._number_told = number_told
        self._telemetry = telemetry or Telemetry()
        self._halted = set[str]()

    async def send(
        self,
        job: Job,
        message: Outbound,
        organization: Organization,
        *,
        kind: Kind,
        held_ms: int | None = None,
        gate: Gate | None = None,
    ) -> Sent | Unconfirmed | Kept:
        """Send one message, unless it went out before; `held_ms` is the time that was reserved for it (ms since 1970).

        A template goes out as its text through a gateway that has none.

        Raises NotYet, what the gateway raises when nothing went out, MaybeSent when it may be tried once more,
        LostJob, OrganizationPaused, QueueUnavailable.
        """
        try:
            sent = await self._send(job, message, organization, kind, held_ms, gate)
        except Exception as error:
            self._telemetry.emit(SendEnded(kind, _raised(error)))
            raise
        self._telemetry.emit(SendEnded(kind, type(sent).__name__.lower()))
        return sent

    async def _send(
        self,
        job: Job,
        message: Outbound,
        organization: Organization,
        kind: Kind,
        held_ms: int | None,
        gate: Gate | None,
    ) -> Sent | Unconfirmed | Kept:
        if organization.is_paused:
            raise OrganizationPaused(f"organization {organization.id} is paused")
        instance_id = message.instance_id or first_instance(organization)
        message = replace(message, instance_id=instance_id or None)
        gateway = await self._gateways.for_organization(organization.id, instance_id)
        if isinstance(message, OutboundTemplate) and "templates" not in gateway.capabilities:
            message = _as_text(message)
        lane = lane_through(gateway, organization, instance_id, message.recipient, kind, now_ms())
        if_unknown: IfUnknown = "same" if "repeats-safely" in gateway.capabilities else _IF_UNKNOWN[kind]
        organization_id, key = organization.id, message.key
        # News of it may come before the gateway's answer, or after an answer that was lost.
        if provider_id := gateway.provider_id(message):
            await self._ledger.known_as(organization_id, instance_id, provider_id, key)
        claim = await self._ledger.claim(job, organization_id, key, if_unknown, gate)
        match claim.verdict:
            case "sent":
                return Sent(claim.detail)
            case "unconfirmed":
                return Unconfirmed()
            case "kept":
                return Kept(claim.detail)  # type: ignore[arg-type]  # as the script says
            case "fenced":
                raise LostJob(f"{job.id} was given to another worker, which sends instead")
            case "send" | "again":
                pass
        try:
            # Last of all, so that what the limits let go is at the gateway in that moment.
            await self._wait_for_its_turn(lane, claim.held_ms or held_ms)
            if time.monotonic() > claim.ours_until:
                # This process was frozen or cut off: another one may have the job by now, and send. Where it has not,
                # the job comes back at once, and this message is claimed anew.
                raise NotYet(f"{job.id} was held up for longer than its lock lasts", now_ms())
            if (traces := self._telemetry.traces) is None:
                receipt = await gateway.send(message)
            else:
                with traces.sending(gateway.name, kind, instance_id):
                    receipt = await gateway.send(message)
        except (SlowDown, NotReady, InstanceHalted) as error:
            await self._ledger.refused(job, organization_id, key, gate)
            scope, seconds = _pause(error)
            until_ms = now_ms() + round(seconds * 1000)
            await self._limiter.slow_down(lane, scope, until_ms, now_ms=now_ms())
            if isinstance(error, InstanceHalted):
                self._halted.add(instance_id)
                self._number_told(organization_id, instance_id, str(error))
            raise NotYet(str(error), until_ms) from error
        except NotYet as error:
            await self._ledger.refused(job, organization_id, key, gate, held_ms=error.held_ms)
            raise
        except (NotSent, NeverWill, QueueUnavailable):
            await self._ledger.refused(job, organization_id, key, gate)
            raise
        except MaybeSent:
            tried_enough = if_unknown == "never" or (if_unknown == "once" and claim.verdict == "again")
            if tried_enough or job.is_last_attempt:
                await self._ledger.unconfirmed(job, organization_id, key)
                return Unconfirmed()
            raise
        # Before the job completes: from here on a crash sends nothing again.
        was_taken = await self._ledger.sent(job, organization_id, key, receipt.provider_id)
        if not provider_id and "webhook" in gateway.capabilities and "correlates" not in gateway.capabilities:
            await self._ledger.known_as(organization_id, instance_id, receipt.provider_id, key)
        if instance_id in self._halted:
            self._halted.discard(instance_id)
            self._number_told(organization_id, instance_id, None)
        if not was_taken:
            raise NeverWill(f"{key}: WhatsApp took it and refused it a moment later")
        return Sent(receipt.provider_id, may_be_twice=claim.verdict == "again" and if_unknown != "same")

    async def _wait_for_its_turn(self, lane: Lane, held_ms: int | None) -> None:
        while True:
            now = now_ms()
            verdict = await self._limiter.go(lane, held_ms=held_ms, now_ms=now)
            if isinstance(verdict, Go):
                return
            wait_ms = verdict.at_ms - now
            self._telemetry.emit(LimitMet(lane.kind, verdict.why, wait_ms))
            if wait_ms > IN_PLACE_MS:
                raise NotYet(verdict.why, verdict.at_ms, held_ms=verdict.at_ms if verdict.held else None)
            await asyncio.sleep(wait_ms / 1000)
            held_ms = verdict.at_ms if verdict.held else held_ms


def _as_text(message: OutboundTemplate) -> OutboundText:
    return OutboundText(
        organization_id=message.organization_id,
        instance_id=message.instance_id,
        recipient=message.recipient,
        text=message.text,
        key=message.key,
    )


def _raised(error: Exception) -> str:
    why = error.__cause__ if isinstance(error, NotYet) and error.__cause__ is not None else error
    return next((word for kind, word in _RAISED if isinstance(why, kind)), "failed")


def _pause(error: SlowDown | NotReady | InstanceHalted) -> tuple[Scope, float]:
    """What is to wait, and for how many seconds."""
    match error:
        case SlowDown(scope=scope):
            return scope, error.retry_after_seconds or SLOW_DOWN_SECONDS[scope]
        case NotReady():
            return "number", error.retry_after_seconds or NOT_READY_SECONDS
        case InstanceHalted():
            return "number", error.retry_after_seconds or HALTED_SECONDS

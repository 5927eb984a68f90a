"""The one way a message goes out: claim, send, write down."""

from dataclasses import dataclass

from oxyq.engine.job import Job
from oxyq.errors import TemporaryError
from oxyq.gateways.base import Gateway, MaybeSent, NeverWill, NotSent, OutboundText, SlowDown
from oxyq.outcomes import JsonValue
from oxyq.sending.ledger import IfUnknown, Ledger


@dataclass(frozen=True, slots=True)
class Sent:
    """It went out as `provider_id`, now or in an earlier run; `may_be_twice`: an earlier run may have sent it too."""

    provider_id: str
    may_be_twice: bool = False


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """It may have gone out; nobody knows, and it is not sent again."""


def sent_value(sent: Sent | Unconfirmed) -> dict[str, JsonValue]:
    """As it stands in a job's result."""
    match sent:
        case Unconfirmed():
            return {"status": "unconfirmed"}
        case Sent(provider_id, may_be_twice=True):
            return {"status": "sent", "providerId": provider_id, "mayBeTwice": True}
        case Sent(provider_id):
            return {"status": "sent", "providerId": provider_id}


class LostJob(TemporaryError):
    """The job belongs to another run by now, which sends; nothing went out here."""


class Sender:
    """Sends through `gateway` what the ledger lets through."""

    def __init__(self, gateway: Gateway, ledger: Ledger) -> None:
        self._gateway = gateway
        self._ledger = ledger

    async def send(self, job: Job, message: OutboundText, *, if_unknown: IfUnknown) -> Sent | Unconfirmed:
        """Send one message, unless it went out before.

        Raises what the gateway raises when nothing went out, MaybeSent when it may be tried once more, LostJob,
        QueueUnavailable.
        """
        if "repeats-safely" in self._gateway.capabilities:
            if_unknown = "same"
        organization_id, key = message.organization_id, message.key
        claim = await self._ledger.claim(job, organization_id, key, if_unknown)
        match claim.verdict:
            case "sent":
                return Sent(claim.provider_id or "")
            case "unconfirmed":
                return Unconfirmed()
            case "fenced":
                raise LostJob(f"{job.id} was given to another worker, which sends instead")
            case "send" | "again":
                pass
        try:
            receipt = await self._gateway.send(message)
        except (NotSent, SlowDown, NeverWill):
            await self._ledger.refused(job, organization_id, key)
            raise
        except MaybeSent:
            tried_enough = if_unknown == "never" or (if_unknown == "once" and claim.verdict == "again")
            if tried_enough or job.is_last_attempt:
                await self._ledger.unconfirmed(job, organization_id, key)
                return Unconfirmed()
            raise
        # Before the job completes: from here on a crash sends nothing again.
        await self._ledger.sent(job, organization_id, key, receipt.provider_id)
        return Sent(receipt.provider_id, may_be_twice=claim.verdict == "again" and if_unknown != "same")

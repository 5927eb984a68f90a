"""Adding jobs where their organization is: the producer's four functions, over several shards."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from oxyq.errors import OrganizationMoving
from oxyq.jobs import Automation, CampaignRequest, InboundMessage, NewDeadLetter
from oxyq.producer import Producer
from oxyq.shards.shards import Shards

T = TypeVar("T", InboundMessage, Automation, CampaignRequest, NewDeadLetter)

#: As keyword, and as it is written on the wire.
_NAMES: Final = ("organization_id", "organizationId")


class RoutedProducer:
    """As `Producer`, at the shard of each job's organization.

    Raises OrganizationMoving, a QueueUnavailable, for the seconds of a move: repeat the call, it will be one job.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def add_message_job(
        self, value: Mapping[str, object] | InboundMessage | None = None, **fields: object
    ) -> str:
        """Someone wrote to one of our numbers: answer them."""
        return await self._add(value, fields, lambda producer: producer.add_message_job(value, **fields))

    async def add_automation_job(
        self,
        value: Mapping[str, object] | Automation | None = None,
        *,
        delay_ms: int | None = None,
        **fields: object,
    ) -> str:
        """Send a reminder or follow-up in `delay_ms`, or else at its `scheduledFor`, or else now."""
        return await self._add(
            value, fields, lambda producer: producer.add_automation_job(value, delay_ms=delay_ms, **fields)
        )

    async def add_campaign_job(
        self, value: Mapping[str, object] | CampaignRequest | None = None, **fields: object
    ) -> str:
        """Send one template to many."""
        return await self._add(value, fields, lambda producer: producer.add_campaign_job(value, **fields))

    async def send_to_dlq(self, value: Mapping[str, object] | NewDeadLetter | None = None, **fields: object) -> str:
        """Put a dead letter for a job by hand."""
        return await self._add(value, fields, lambda producer: producer.send_to_dlq(value, **fields))

    async def _add(
        self,
        value: Mapping[str, object] | T | None,
        fields: Mapping[str, object],
        add: Callable[[Producer], Awaitable[str]],
    ) -> str:
        organization_id = _organization_of(value, fields)
        if organization_id is None:  # any producer says what is missing
            return await add(self._shards.home.app.producer)
        shard = await self._shards.of(organization_id)
        job_id = await add(shard.app.producer)
        if not await shard.is_at_home_here(organization_id):
            # It left meanwhile, and nobody knows whether this went along.
            raise OrganizationMoving(organization_id)
        return job_id


def _organization_of(value: object, fields: Mapping[str, object]) -> str | None:
    given = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    for name in _NAMES:
        for source in (fields, given):
            found = source.get(name)
            if isinstance(found, str):
                return found
    return None

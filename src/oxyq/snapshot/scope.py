"""What a snapshot is of: everything, or all that belongs to one organization."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from oxyq import redis_keys
from oxyq.engine.atomically import PATIENCE_SECONDS
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import decode_json
from oxyq.engine.transfer import StoredJob
from oxyq.snapshot.inventory import Family, How, OurKey, Owner


@dataclass(frozen=True, slots=True)
class Scope:
    """One organization and the ids of all that is its own; of everything when `organization_id` is None."""

    organization_id: str | None = None
    ids: Mapping[Owner, frozenset[str]] = field(default_factory=dict)

    def holds(self, key: OurKey) -> bool:
        """Whether a key, or some members of it, belong to it."""
        if self.organization_id is None:
            return True
        if key.organization_id is not None:
            return key.organization_id == self.organization_id
        if key.family.owner is Owner.ALL:
            return False
        return key.family.how is How.MEMBERS or key.of in self.ids[key.family.owner]

    def holds_member(self, key: OurKey, member: bytes) -> bool:
        """Whether a member of a key that it holds belongs to it."""
        if self.organization_id is None or key.organization_id is not None:
            return True
        return member.decode("utf-8", "replace") in self.ids[key.family.owner]

    def holds_queue_key(self, family: Family) -> bool:
        """Whether a key of a queue that is no job's belongs to it."""
        return self.organization_id is None and family.how in (How.WHOLE, How.MEMBERS, How.HIGHEST)

    def holds_data(self, data_json: bytes | None) -> bool:
        """Whether what carries these data belongs to it."""
        if self.organization_id is None:
            return True
        return data_json is not None and organization_of(data_json) == self.organization_id

    def holds_job(self, job: StoredJob) -> bool:
        """Whether a job belongs to it; a dead letter belongs to whom its job belonged."""
        return self.holds_data(job.field(b"data"))


def organization_of(data_json: bytes) -> str | None:
    """The organization that stands in the data of a job or an instance."""
    try:
        data = decode_json(data_json)
    except (ValueError, RecursionError):
        return None
    found = data.get("organizationId") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None


async def scope_of(hub: Hub, organization_id: str | None) -> Scope:
    """Look up what belongs to an organization. Raises QueueUnavailable."""
    if organization_id is None:
        return Scope()
    prefix, commands = hub.prefix, hub.commands
    await commands.ready(PATIENCE_SECONDS)
    instances = await commands.call("HGETALL", redis_keys.instances(prefix=prefix))
    flat = [one for one in instances if isinstance(one, bytes)] if isinstance(instances, list) else []
    return Scope(organization_id, {
        Owner.ORGANIZATION: frozenset((organization_id,)),
        Owner.INSTANCE: frozenset(
            name.decode("utf-8", "replace")
            for name, settings in zip(flat[::2], flat[1::2], strict=True)
            if organization_of(settings) == organization_id
        ),
        Owner.AUDIT_ENTRY: await _members(hub, redis_keys.audit(organization_id, prefix=prefix)),
        Owner.TASK: await _members(hub, redis_keys.tasks(organization_id, prefix=prefix)),
    })  # fmt: skip


async def _members(hub: Hub, key: str) -> frozenset[str]:
    reply = await hub.commands.call("ZRANGE", key, 0, -1)
    return (
        frozenset(one.decode("utf-8", "replace") for one in reply if isinstance(one, bytes))
        if isinstance(reply, list)
        else frozenset()
    )

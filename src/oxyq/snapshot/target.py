"""Where a snapshot is imported: that nothing is there that it could get mixed up with, and going on after a break."""

from oxyq import redis_keys
from oxyq.engine.atomically import PATIENCE_SECONDS
from oxyq.engine.hub import Hub
from oxyq.errors import NotAllowed
from oxyq.snapshot.pausing import queue_names
from oxyq.snapshot.scope import Scope
from oxyq.snapshot.walk import Walk

#: Written by who only looks: no sign of an installation that is in use.
_TRACES = frozenset(("audit", "audit-entry", "statistics", "statistics-organizations"))


async def what_is_there(hub: Hub) -> str | None:
    """Something of an installation that is in use, in words; None when there is nothing yet."""
    walk = Walk(hub, Scope())
    async for page in walk.our_keys(are_last=False):
        for _, key in page:
            if key.family.name not in _TRACES:
                return f"a key of the family {key.family.name}"
    for name in await queue_names(hub):
        if jobs := len(await walk.queue(name).ids()):
            return f"{jobs} jobs in the queue {name}"
    return None


async def must_be_empty(hub: Hub, sha256: str) -> None:
    """Raises NotAllowed unless there is nothing yet, or the import of this very snapshot broke off here."""
    await hub.commands.ready(PATIENCE_SECONDS)
    begun = await hub.commands.call("GET", redis_keys.snapshot_import(prefix=hub.prefix))
    if begun != sha256.encode() and (found := await what_is_there(hub)):
        raise NotAllowed(
            f"the target is not empty: there is {found} under the prefix {hub.prefix}; import into an empty Redis or "
            "another OXYQ_REDIS_PREFIX, or add what is missing with --merge"
        )


async def begin(hub: Hub, sha256: str) -> None:
    """Note that the import of this snapshot is under way."""
    key = redis_keys.snapshot_import(prefix=hub.prefix)
    await hub.commands.ready(PATIENCE_SECONDS)
    await hub.commands.call("SET", key, sha256, "EX", redis_keys.SNAPSHOT_SECONDS)


async def end(hub: Hub) -> None:
    """Note that all of it is there."""
    await hub.commands.ready(PATIENCE_SECONDS)
    await hub.commands.call("DEL", redis_keys.snapshot_import(prefix=hub.prefix))

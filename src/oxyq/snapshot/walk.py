"""Everything of a scope that is in Redis, in the order in which it must be read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from oxyq.engine.hub import Hub
from oxyq.engine.transfer import QueueTransfer
from oxyq.snapshot.inventory import Family, How, OurKey, our_key, queue_family
from oxyq.snapshot.scope import Scope
from oxyq.snapshot.values import scan

#: Families that lie under a job's own key, and go with it.
_WITH_JOBS = frozenset(("logs", "dependencies", "processed", "unsuccessful", "failed children", "lock"))
_OUR_NAMESPACE = "oxyq-interrupt"


@dataclass(frozen=True, slots=True)
class QueueKey:
    """One key of a queue: its full name, and what follows `{prefix}:`."""

    name: bytes
    rest: bytes
    family: Family


class Walk:
    """Goes through one installation; what it yields exists at that moment. All raise QueueUnavailable."""

    def __init__(self, hub: Hub, scope: Scope) -> None:
        self.hub = hub
        self.scope = scope
        self._ours = f"oxyq:{hub.prefix}:"
        self._bullmq = f"{hub.prefix}:"

    async def queue_keys(self, queues: set[str]) -> AsyncIterator[list[QueueKey]]:
        """The keys of the queues themselves that the scope holds; notes in `queues` which queues there are."""
        async for page in scan(self.hub.commands, self._bullmq):
            found = dict[bytes, QueueKey]()
            for name in page:
                rest = name[len(self._bullmq.encode()) :]
                queue, colon, tail = rest.partition(b":")
                if not colon or queue == _OUR_NAMESPACE.encode():
                    continue
                queues.add(queue.decode("utf-8", "surrogateescape"))
                family = queue_family(tail)
                if family.name not in _WITH_JOBS and self.scope.holds_queue_key(family):
                    found[name] = QueueKey(name, rest, family)
            if found:
                yield list(found.values())

    def queue(self, name: str) -> QueueTransfer:
        """One queue."""
        return QueueTransfer(name, self.hub.commands, self.hub.prefix)

    async def our_keys(self, *, are_last: bool) -> AsyncIterator[list[tuple[bytes, OurKey]]]:
        """Our keys that the scope holds and a snapshot has, with their full names: all but the last, or the last."""
        beginning, more = self._ours, "org:*" if are_last else "*"
        async for page in scan(self.hub.commands, beginning, more=more):
            found = dict[bytes, OurKey]()
            for name in page:
                key = our_key(name[len(beginning.encode()) :])
                if key.family.is_last is are_last and key.family.how is not How.NEVER and self.scope.holds(key):
                    found[name] = key
            if found:
                yield list(found.items())

    def full(self, rest: bytes) -> bytes:
        """The full name of one of our keys."""
        return self._ours.encode() + rest

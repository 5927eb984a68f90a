"""The chore that sees that work gets through the queues of this process, and says so in Redis."""

from collections.abc import Callable, Mapping, Sequence

from oxyq.engine.canary import Canaries, Visit
from oxyq.engine.hub import Hub
from oxyq.errors import QueueUnavailable
from oxyq.queues import QueuePolicy


class Canary:
    """Sends canaries through queues that gave no sign of life; all workers of a queue share one an interval.

    `signs` tells which queues gave one here since it was last asked.
    """

    def __init__(
        self,
        hub: Hub,
        policies: Sequence[QueuePolicy],
        signs: Callable[[], Mapping[str, bool]],
        every_seconds: float,
    ) -> None:
        self._canaries = Canaries(hub, every_seconds)
        self._policies = policies
        self._signs = signs

    async def run_once(self) -> None:
        """Visit each queue. Raises QueueUnavailable, naming the queues where that could not be done."""
        signs = self._signs()
        visits = [Visit(policy.name, policy.rate_max, signs[policy.name]) for policy in self._policies]
        if wrong := await self._canaries.send(visits):
            raise QueueUnavailable("; ".join(f"{queue}: {error}" for queue, error in wrong))

"""Learning the weights of organizations in fair turns, so that what an operator sets is heeded without a restart."""

from typing import Final

from oxyq import redis_keys
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int

#: How often workers ask for them.
WEIGHTS_SECONDS: Final = 60.0
_READY_SECONDS: Final = 5.0


class Weights:
    """The organizations whose weight is not 1, as they were a minute ago at most; `now` is always the same mapping."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.now: dict[str, float] = {}

    async def run_once(self) -> None:
        """Ask for them; QueueUnavailable without Redis, and then those before stay."""
        await self._hub.commands.ready(_READY_SECONDS)
        reply = await self._hub.commands.call("HGETALL", redis_keys.weights(prefix=self._hub.prefix))
        items = iter(reply if isinstance(reply, list) else [])
        weights = {
            organization_id.decode(): as_int(weight) or 1
            for organization_id, weight in zip(items, items, strict=True)
            if isinstance(organization_id, bytes) and isinstance(weight, bytes)
        }
        self.now.clear()
        self.now.update(weights)

"""Several commands as one step (MULTI), over a connection that others use too."""

import asyncio
from typing import Final

from oxyq.engine.connection import Argument, Connection, Reply

#: How long work that takes minutes anyway waits for Redis to come back, before it ends and has to be begun anew.
PATIENCE_SECONDS: Final = 30.0


async def atomically(connection: Connection, *commands: tuple[Argument, ...]) -> list[Reply]:
    """The replies of all commands, as of one moment. Raises QueueUnavailable."""
    await connection.ready(PATIENCE_SECONDS)
    # Sent without a pause between them, so nobody else's command comes in between.
    *_, last = await asyncio.gather(*(connection.call(*one) for one in (("MULTI",), *commands, ("EXEC",))))
    return last if isinstance(last, list) else []

"""How it has to end, whatever was broken: everything that was accepted is done, and nothing is left in hand."""

from collections.abc import Collection, Sequence

from oxyq.app import App
from oxyq.gateways.simulator import Received
from tests.integration.engine.journal import eventually
from tests.journeys.conftest import WhatsApp


async def until_all_is_done(
    app: App, whatsapp: WhatsApp, people: Collection[str], *, queue: str = "automation", seconds: float = 30.0
) -> Sequence[Received]:
    """Wait until all of these people got something and the queue is empty, without a dead letter; gives all messages.

    Fails after `seconds`, telling who is missing.
    """

    async def open_jobs() -> dict[str, int]:
        counts = await app.queues[queue].counts()
        return {state: counts[state] for state in ("waiting", "active", "delayed", "failed")}

    await eventually(open_jobs, dict.fromkeys(("waiting", "active", "delayed", "failed"), 0), within=seconds)
    received = whatsapp.received
    missing = set(people) - {message.to for message in received}
    assert not missing, f"{len(missing)} of {len(people)} were accepted and got nothing: {sorted(missing)[:5]}"
    assert await app.dead_letters.count() == 0
    return received

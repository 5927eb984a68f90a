"""While an answer is looked for: show that we write, and stop when somebody writes on or a person takes over."""

import asyncio
import contextlib
from typing import Final

from oxyq.conversations.entry import Entry, Turn
from oxyq.conversations.store import ConversationStore, Place
from oxyq.errors import OxyqError
from oxyq.gateways.by_instance import Gateways
from oxyq.replies.router import Reply

#: What is found sooner needs no sign of life, and cannot be overtaken.
QUICK_SECONDS: Final = 0.25
#: How soon a newer message stops a model that is thinking about the older ones; two commands each time.
LOOK_SECONDS: Final = 0.5
#: WhatsApp shows "writing…" for up to 25 s (Meta's page on typing indicators).
TYPING_SECONDS: Final = 10.0
_GATEWAY_SECONDS: Final = 3.0


class Thinking:
    """Watches over answers that take a while."""

    def __init__(self, conversations: ConversationStore, gateways: Gateways) -> None:
        self._conversations = conversations
        self._gateways = gateways

    async def until(self, answering: "asyncio.Future[Reply]", place: Place, turn: Turn, newest: Entry) -> Reply | None:
        """What `answering` gives; None when somebody wrote meanwhile, and then it is cancelled."""
        try:
            await asyncio.wait({answering}, timeout=QUICK_SECONDS)
            if answering.done():
                return answering.result()
            showing = asyncio.ensure_future(self._show(place, newest))
            try:
                return await self._watched(answering, place, turn)
            finally:
                showing.cancel()
        finally:
            answering.cancel()

    async def _watched(self, answering: "asyncio.Future[Reply]", place: Place, turn: Turn) -> Reply | None:
        while not answering.done():
            if not turn.is_worn and await self._conversations.changed(place, turn):
                await self._conversations.reopen(place)
                return None
            await asyncio.wait({answering}, timeout=LOOK_SECONDS)
        return answering.result()

    async def _show(self, place: Place, newest: Entry) -> None:
        """Only a courtesy: whatever goes wrong with it, the answer is on its way."""
        with contextlib.suppress(OxyqError, TimeoutError):
            gateway = await self._gateways.for_organization(place.organization_id, place.instance_id)
            while "typing" in gateway.capabilities:
                async with asyncio.timeout(_GATEWAY_SECONDS):
                    await gateway.typing(place.instance_id, newest.sender, answering=newest.message_id)
                await asyncio.sleep(TYPING_SECONDS)

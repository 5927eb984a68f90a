"""Who is who: a person's number, hidden id (LID) and business-scoped id (BSUID) lead to one chat."""

from collections.abc import Sequence
from typing import Final

from oxyq import redis_keys
from oxyq.contacts import ContactStore
from oxyq.engine.hub import Hub
from oxyq.numbers import contact_of, is_hidden

_READY_SECONDS: Final = 5.0


def addresses(*written: str | None) -> list[str]:
    """The forms under which a person is known, each once, a number before hidden ids."""
    return sorted(dict.fromkeys(contact_of(address) for address in written if address), key=is_hidden)


class Identities:
    """Which chat somebody is, by all that is known of them; raises QueueUnavailable without Redis."""

    def __init__(self, hub: Hub, contacts: ContactStore) -> None:
        self._hub = hub
        self._contacts = contacts

    async def contact(self, organization_id: str, known: Sequence[str]) -> str:
        """The contact that these addresses (at least one) lead to; from now on all of them do."""
        keys = [redis_keys.alias(organization_id, address, prefix=self._hub.prefix) for address in known]
        await self._hub.commands.ready(_READY_SECONDS)
        reply = await self._hub.commands.call("MGET", *keys)
        found = (
            [value.decode() if isinstance(value, bytes) else None for value in reply] if isinstance(reply, list) else []
        )
        # The first that was known stays: a chat that began under a hidden id goes on under it.
        contact = next((value for value in found if value is not None), known[0])
        new = [key for key, value in zip(keys, found, strict=True) if value != contact]
        if len(known) > 1 and new:
            for key in new:
                await self._hub.commands.call("SET", key, contact, "EX", redis_keys.ALIAS_SECONDS)
            await self._contacts.join(organization_id, known)
        return contact

"""Who does not want campaigns any more: one record per person and organization, kept until he comes back."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import redis.asyncio

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.numbers import contact_of
from oxyq.redis_connection import as_unavailable
from oxyq.suppression import Suppression

#: Contacts asked about per pipelined question.
CHUNK: Final = 500
_LONGEST_WORDS: Final = 200


@dataclass(frozen=True, slots=True)
class Consent:
    """Since when somebody is out of the campaigns or back in them (ms since 1970), how that came, and in what words."""

    is_out: bool
    at_ms: int
    source: str
    words: str


class ContactStore:
    """The contacts of all organizations; numbers are known with and without the Brazilian ninth digit, and hidden ids.

    All raise InvalidPayload for what is no number, and QueueUnavailable without Redis.
    """

    def __init__(
        self, client: redis.asyncio.Redis, suppression: Suppression | None = None, *, prefix: str = "bull"
    ) -> None:
        self._client = client
        self._suppression = suppression
        self._prefix = prefix

    async def opt_out(self, organization_id: str, number: str, *, source: str, words: str = "") -> bool:
        """Send no more campaigns to this person; False when that was so already.

        `source` says what it came from, such as a message's id: said twice by the same one, it is news both times, so
        that a job that runs again still confirms it.
        """
        return await self._note(organization_id, number, "out", source, words)

    async def opt_in(self, organization_id: str, number: str, *, source: str, words: str = "") -> bool:
        """Let campaigns reach this person again; False when nothing kept them away."""
        if await self.consent(organization_id, number) is None:
            return False
        if self._suppression is not None:
            await self._suppression.lift(organization_id, contact_of(number))
        return await self._note(organization_id, number, "in", source, words)

    async def consent(self, organization_id: str, number: str) -> Consent | None:
        """What is on record; None when this person never said anything about it.

        Of somebody who was erased since when they are out, by the source "erased".
        """
        with as_unavailable("contacts"):
            stored = await cast("Awaitable[dict[str, str]]", self._client.hgetall(self._key(organization_id, number)))
        if stored:
            return _consent(stored)
        contact = contact_of(number)
        since_ms = (await self._suppressed(organization_id, [contact])).get(contact)
        return None if since_ms is None else Consent(is_out=True, at_ms=since_ms, source="erased", words="")

    async def out_count(self, organization_id: str) -> int:
        """How many are out."""
        with as_unavailable("contacts"):
            return int(await self._client.zcard(self._out_key(organization_id)))

    async def latest_out(
        self, organization_id: str, count: int, *, after: tuple[int, str] | None = None
    ) -> list[tuple[str, Consent]]:
        """Contacts who are out, the last one first; those behind the one that went out at (ms, contact) `after`."""
        latest, index = "+inf" if after is None else after[0], self._out_key(organization_id)
        with as_unavailable("contacts"):
            # Of one time there are many where a list was taken over: in the order of their names, backwards.
            start, found = 0, list[str]()
            while len(found) < count:
                # With their scores; the client's types know of no such answer.
                page: list[tuple[str, float]] = await self._client.zrange(  # type: ignore[assignment]  # with scores
                    index, latest, "-inf", desc=True, byscore=True, offset=start, num=CHUNK, withscores=True
                )
                found += [contact for contact, at in page if after is None or (int(at), contact) < after]
                start += CHUNK
                if len(page) < CHUNK:
                    break
            shown = found[:count]
            async with self._client.pipeline(transaction=False) as pipe:
                for contact in shown:
                    pipe.hgetall(redis_keys.contact(organization_id, contact, prefix=self._prefix))
                records = await pipe.execute()
        return [(contact, _consent(record)) for contact, record in zip(shown, records, strict=True) if record]

    async def opted_out(self, organization_id: str, numbers: Sequence[str]) -> set[str]:
        """Those of `numbers` that are out, as they were given."""
        out = set[str]()
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            with as_unavailable("contacts"):
                async with self._client.pipeline(transaction=False) as pipe:
                    for number in chunk:
                        pipe.hget(self._key(organization_id, number), "state")
                    states = await pipe.execute()
            out.update(number for number, state in zip(chunk, states, strict=True) if state == "out")
            erased = await self._suppressed(organization_id, [contact_of(number) for number in chunk])
            out.update(number for number in chunk if contact_of(number) in erased)
        return out

    async def reached(self, organization_id: str, number: str) -> None:
        """A reminder has just gone out to this person; what campaigns send is noted with its claim in the ledger."""
        with as_unavailable("contacts"):
            await self._client.set(self._reached_key(organization_id, number), "1", ex=redis_keys.REACHED_SECONDS)

    async def was_reached(self, organization_id: str, number: str) -> bool:
        """Whether a campaign or reminder went out to this person within a day."""
        contact = contact_of(number)
        campaigns = redis_keys.campaign_messages(organization_id, contact, prefix=self._prefix)
        with as_unavailable("contacts"):
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.exists(self._reached_key(organization_id, number))
                pipe.lindex(campaigns, 0)
                by_reminder, last = await pipe.execute()
        return bool(by_reminder) or (last is not None and int(last) > now_ms() - redis_keys.REACHED_SECONDS * 1000)

    async def join(self, organization_id: str, addresses: Sequence[str]) -> None:
        """These addresses turned out to be one person: who is out under one of them is out under all."""
        keys = [self._key(organization_id, address) for address in addresses]
        with as_unavailable("contacts"):
            async with self._client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hgetall(key)
                records = await pipe.execute()
            out = next((record for record in records if record and record["state"] == "out"), None)
            for address, record in zip(addresses, records, strict=True):
                if out is not None and not record:
                    await self._write(organization_id, contact_of(address), out)

    async def _note(self, organization_id: str, number: str, state: str, source: str, words: str) -> bool:
        key = self._key(organization_id, number)
        with as_unavailable("contacts"):
            before = await cast("Awaitable[list[str | None]]", self._client.hmget(key, ["state", "source"]))
            if before[0] == state:
                return before[1] == source
            record = {"state": state, "at": str(now_ms()), "source": source, "words": words[:_LONGEST_WORDS]}
            await self._write(organization_id, contact_of(number), record)
        return True

    async def _write(self, organization_id: str, contact: str, record: Mapping[str, str]) -> None:
        """The record, and the list of who is out with it: neither is there without the other."""
        index = self._out_key(organization_id)
        async with self._client.pipeline(transaction=True) as both:
            key = redis_keys.contact(organization_id, contact, prefix=self._prefix)
            both.hset(key, items=[part for pair in record.items() for part in pair])
            if record["state"] == "out":
                both.zadd(index, {contact: int(record["at"])})
            else:
                both.zrem(index, contact)
            await both.execute()

    async def _suppressed(self, organization_id: str, contacts: Sequence[str]) -> Mapping[str, int]:
        return {} if self._suppression is None else await self._suppression.suppressed(organization_id, contacts)

    def _out_key(self, organization_id: str) -> str:
        return redis_keys.opted_out(organization_id, prefix=self._prefix)

    def _key(self, organization_id: str, number: str) -> str:
        return redis_keys.contact(organization_id, contact_of(number), prefix=self._prefix)

    def _reached_key(self, organization_id: str, number: str) -> str:
        return redis_keys.reached(organization_id, contact_of(number), prefix=self._prefix)


def _consent(record: Mapping[str, str]) -> Consent:
    return Consent(record["state"] == "out", int(record["at"]), record["source"], record["words"])

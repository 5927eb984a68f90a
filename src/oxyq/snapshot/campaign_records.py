"""One campaign as records that agree with each other, though it is planned and sent while it is read.

The rows as they were handed in come first, so that none is missing that the next look takes for not yet planned. That
look is one moment: what the campaign says, its open and returned sends, and how long its plan is, which only grows.
Recipients are read after it; so their statuses may be ahead, and the counters are made of those that were read.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oxyq.campaigns.campaign import STATUSES
from oxyq.snapshot.inventory import FOLLOWERS, OurKey, quoted
from oxyq.snapshot.key_records import records_of, records_of_items
from oxyq.snapshot.records import Key, Record, all_bytes
from oxyq.snapshot.values import Found, read_together
from oxyq.snapshot.walk import Walk

#: Whoever takes up the failed ones of a campaign again moves its counters all the time, for some seconds.
_STILL_SECONDS: Final = 1.0
#: States in which a run of it may release sends.
_UNDER_WAY: Final = (b"planning", b"running", b"paused")


async def campaign_records(walk: Walk, key: OurKey) -> AsyncIterator[Record]:
    """All keys of one campaign."""
    first = await _read(walk, key, ())
    if first is None:
        return
    if b"fingerprint" not in first.fields:
        # A draft whose recipients were not all there. Whoever hands them in now does so to the source, and no rest of
        # them may be taken for all.
        for record in records_of_items(walk, first.campaign, _flat(first.fields, without=b"upload")):
            yield record
        return
    async for record in _keys(walk, key, "campaign-upload"):
        yield record
    moment = await _moment(walk, key, first)
    if moment is None:
        return
    for found, items in moment.others:
        for record in records_of_items(walk, found, items):
            yield record
    for name, length in moment.lengths.items():
        async for record in records_of(walk, "oxyq", name, most=length):
            yield record
    counted = Counter[bytes]()
    async for record in _keys(walk, key, "campaign-recipients"):
        if isinstance(record, Key):
            counted.update(_status(value) for value in all_bytes(record.items)[1::2])
        yield record
    for record in records_of_items(walk, moment.campaign, _flat(_as_cut_off(moment.fields, counted))):
        yield record
    for family in ("campaign-exceptions", "campaign-check"):
        async for record in _keys(walk, key, family):
            yield record


@dataclass(frozen=True, slots=True)
class _Moment:
    """A campaign's small keys as of one moment, and how long the lists of its plan were."""

    campaign: Found
    fields: Mapping[bytes, bytes]
    others: Sequence[tuple[Found, list[bytes]]]
    lengths: Mapping[bytes, int]


async def _moment(walk: Walk, key: OurKey, known: _Moment) -> _Moment | None:
    """A moment in which all time zones of its plan were known, and nobody was taking up failed ones."""
    while True:
        zones = _zones(known.fields)
        moment = await _read(walk, key, zones)
        if moment is None:
            return None
        may_be_taken_up = moment.fields.get(b"state") == b"planning" and b"again" in moment.fields
        if _zones(moment.fields) == zones and not (may_be_taken_up and moment.fields != known.fields):
            return moment
        if may_be_taken_up:
            await asyncio.sleep(_STILL_SECONDS)
        known = moment


async def _read(walk: Walk, key: OurKey, zones: Sequence[bytes]) -> _Moment | None:
    name = walk.full(key.rest)
    open_sends, returned = (walk.full(key.sibling(family.name)) for family in FOLLOWERS["campaign"])
    plan = [key.sibling("campaign-skipped"), *(key.sibling("campaign-rows", quoted(zone)) for zone in zones)]
    found, lengths = await read_together(
        walk.hub.commands,
        [(name, "hash"), (open_sends, "hash"), (returned, "list")],
        [walk.full(rest) for rest in plan],
    )
    if name not in found:
        return None
    campaign, items = found.pop(name)
    return _Moment(campaign, dict(zip(items[::2], items[1::2], strict=True)), list(found.values()), lengths)


def _zones(fields: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
    """The time zones of which there is a plan."""
    return tuple(sorted(name.removeprefix(b"rows:") for name in fields if name.startswith(b"rows:")))


def _status(recipient: bytes) -> bytes:
    """The status of "row [status ms detail]"."""
    return [*recipient.split(b" ", 2), b"planned"][1]


def _as_cut_off(fields: Mapping[bytes, bytes], counted: Mapping[bytes, int]) -> dict[bytes, bytes]:
    """What the campaign says, so that its next run goes on from there."""
    made = dict(fields)
    if made.get(b"state") in _UNDER_WAY:
        # As after a crash: rows whose jobs are missing are looked for.
        made[b"releasing"] = b"1"
    if b"plannedAt" in made:
        # Before that nothing was sent, and the counters are as of the moment.
        for status in STATUSES:
            name = status.encode()
            if name in made or counted[name]:
                made[name] = b"%d" % counted[name]
    return made


def _flat(fields: Mapping[bytes, bytes], *, without: bytes = b"") -> list[bytes]:
    return [part for name, value in fields.items() if name != without for part in (name, value)]


def _keys(walk: Walk, key: OurKey, family: str) -> AsyncIterator[Record]:
    return records_of(walk, "oxyq", walk.full(key.sibling(family)))

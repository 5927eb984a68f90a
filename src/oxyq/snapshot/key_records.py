"""Keys as records."""

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence

from oxyq.engine.connection import Reply
from oxyq.snapshot.inventory import How, OurKey
from oxyq.snapshot.records import Key, Record, Space, pieces, value_of, values_of
from oxyq.snapshot.values import STEP, Found, Piece, begin, look, read
from oxyq.snapshot.walk import Walk


async def records_of(walk: Walk, space: Space, name: bytes, *, most: int | None = None) -> AsyncIterator[Record]:
    """One key, read piece by piece; of a list at most its first items. Nothing when there is none."""
    [found] = await look(walk.hub.commands, [name])
    if found is not None:
        async for piece in read(walk.hub.commands, found, most=most):
            yield _record(walk, space, found, piece)


async def records_of_all(
    walk: Walk, space: Space, keys: Sequence[tuple[Found, OurKey | None]]
) -> AsyncIterator[Record]:
    """Several keys of which type and life are known; of shared ones only what the scope holds.

    No more than some tens: the beginnings of all are held at once.
    """
    begun = [begin(walk.hub.commands, found) for found, _ in keys]
    for (found, ours), beginning in zip(keys, begun, strict=True):
        async for record in _records(walk, space, found, ours, beginning):
            yield record


async def _records(
    walk: Walk, space: Space, found: Found, ours: OurKey | None, begun: Awaitable[Reply]
) -> AsyncIterator[Record]:
    is_shared = ours is not None and ours.family.how is How.MEMBERS and walk.scope.organization_id is not None
    async for piece in read(walk.hub.commands, found, begun=begun):
        items = _held(walk, ours, piece.items, STEP[found.type]) if ours is not None and is_shared else piece.items
        if items or not is_shared:
            yield _record(walk, space, found, Piece(items, piece.part, piece.is_last))


def records_of_items(walk: Walk, found: Found, items: Sequence[bytes]) -> Iterator[Record]:
    """One of our keys that was read whole."""
    cut = list(pieces(items, STEP[found.type]))
    for part, piece in enumerate(cut):
        yield _record(walk, "oxyq", found, Piece(piece, part, is_last=part == len(cut) - 1))


def _held(walk: Walk, ours: OurKey, items: Sequence[bytes], step: int) -> list[bytes]:
    firsts = (at for at in range(0, len(items), step) if walk.scope.holds_member(ours, items[at]))
    return [part for at in firsts for part in items[at : at + step]]


def _record(walk: Walk, space: Space, found: Found, piece: Piece) -> Key:
    beginning = f"oxyq:{walk.hub.prefix}:" if space == "oxyq" else f"{walk.hub.prefix}:"
    return Key(
        space=space,
        key=value_of(found.name[len(beginning.encode()) :]),
        type=found.type,
        items=values_of(piece.items),
        expires_at=found.expires_at,
        part=piece.part,
        is_last=piece.is_last,
    )

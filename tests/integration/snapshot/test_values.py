"""Keys are read in pieces, and of a list that grows no more than it had."""

import pytest

from oxyq.engine.hub import Hub
from oxyq.snapshot.values import look, read

ITEMS = [b"%d" % n for n in range(2500)]


@pytest.fixture
async def hub(redis_url: str, prefix: str):
    """The shared server."""
    opened = Hub(redis_url, prefix=prefix)
    yield opened
    await opened.close()


@pytest.mark.parametrize("most", [0, 1, 19, 20, 21, 100, 2499, 2500, 4000])
async def test_the_first_items_of_a_list(hub: Hub, prefix: str, most: int) -> None:
    await hub.commands.ready()
    await hub.commands.call("RPUSH", f"{prefix}:list", *ITEMS)
    [found] = await look(hub.commands, [f"{prefix}:list".encode()])
    assert found is not None

    pieces = [piece async for piece in read(hub.commands, found, most=most)]

    assert [item for piece in pieces for item in piece.items] == ITEMS[:most]
    assert [piece.is_last for piece in pieces[-1:]] == [True] * bool(most)


async def test_what_goes_while_it_is_read_is_no_key(hub: Hub, prefix: str) -> None:
    name = f"{prefix}:gone".encode()
    await hub.commands.ready()
    await hub.commands.call("SET", name, "here")
    [found] = await look(hub.commands, [name])
    await hub.commands.call("DEL", name)
    assert found is not None

    assert [piece async for piece in read(hub.commands, found)] == []
    assert await look(hub.commands, [name]) == [None]

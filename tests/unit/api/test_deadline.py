"""A deadline ends the waiting, and what must not stop half-way is gone to its end all the same."""

import asyncio

import pytest

from oxyq.api import deadline
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.errors import QueueUnavailable


async def test_steps_go_on_when_nobody_waits_for_them_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given Redis hangs in the middle of steps, when it goes on after the deadline, then so do they."""
    monkeypatch.setattr(deadline, "REDIS_SECONDS", 0.01)
    redis_goes_on, ended = asyncio.Event(), asyncio.Event()

    async def steps() -> None:
        await redis_goes_on.wait()
        ended.set()

    with pytest.raises(QueueUnavailable):
        async with redis_deadline():
            await carried_through(steps())

    assert not ended.is_set()
    redis_goes_on.set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_steps_give_what_they_have_and_raise_what_went_wrong() -> None:
    async def good() -> int:
        return 5

    async def bad() -> int:
        raise QueueUnavailable("gone")

    assert await carried_through(good()) == 5
    with pytest.raises(QueueUnavailable, match="gone"):
        await carried_through(bad())

"""Who looks at the same time shares one look, and nobody cuts it off."""

import asyncio
import gc

import pytest

from oxyq.errors import QueueUnavailable
from oxyq.operating.shared_look import SharedLook


class Counting:
    """Looks that end when the test says so."""

    def __init__(self) -> None:
        self.looks = 0
        self.may_end = asyncio.Event()
        self.error: Exception | None = None

    async def look(self) -> int:
        self.looks += 1
        number = self.looks
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_ten_who_ask_at_once_and_those_soon_after_share_one_look() -> None:
    counting = Counting()
    shared = SharedLook(counting.look, 60)
    asking = [asyncio.ensure_future(shared.found(20)) for _ in range(10)]
    counting.may_end.set()

    assert await asyncio.gather(*asking) == [1] * 10
    assert await shared.found(20) == 1


async def test_what_is_old_is_looked_at_again() -> None:
    counting = Counting()
    counting.may_end.set()
    shared = SharedLook(counting.look, 0)

    assert [await shared.found(20), await shared.found(20)] == [1, 2]


async def test_who_has_no_more_patience_leaves_and_the_look_goes_on() -> None:
    counting = Counting()
    shared = SharedLook(counting.look, 60)

    with pytest.raises(QueueUnavailable):
        await shared.found(0.01)
    impatient = asyncio.ensure_future(shared.found(20))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    counting.may_end.set()

    assert await shared.found(20) == 1


async def test_a_look_that_failed_is_told_and_not_remembered() -> None:
    counting = Counting()
    counting.may_end.set()
    counting.error = QueueUnavailable("away")
    shared = SharedLook(counting.look, 60)

    with pytest.raises(QueueUnavailable, match="away"):
        await shared.found(20)
    counting.error = None

    assert await shared.found(20) == 2


async def test_an_error_that_nobody_waited_for_is_no_stray_one() -> None:
    strays = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: strays.append(context))
    counting = Counting()
    counting.error = QueueUnavailable("away")
    shared = SharedLook(counting.look, 60)
    with pytest.raises(QueueUnavailable):
        await shared.found(0.01)
    counting.may_end.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    counting.error = None

    assert await shared.found(20) == 2
    gc.collect()
    assert strays == []


async def test_closed_it_ends_what_is_under_way() -> None:
    shared = SharedLook(Counting().look, 60)
    with pytest.raises(QueueUnavailable):
        await shared.found(0.01)

    async with asyncio.timeout(20):
        await shared.close()

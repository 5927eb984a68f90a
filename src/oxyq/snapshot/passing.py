"""Between records on the loop and a file on the disk, which are read and written in threads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from typing import Final

from oxyq.snapshot.file import SnapshotWriter
from oxyq.snapshot.records import Record

#: Each is at most a piece of some 256 KB, most are far smaller.
_AT_ONCE: Final = 64


async def write_all(
    writer: SnapshotWriter, records: AsyncIterator[Record], told: Callable[[int], None] = lambda _: None
) -> None:
    """Write every record; `told` hears how many more were written."""
    some = list[Record]()
    async for record in records:
        some.append(record)
        if len(some) == _AT_ONCE:
            await asyncio.to_thread(_write, writer, some)
            told(len(some))
            some = []
    await asyncio.to_thread(_write, writer, some)
    told(len(some))


def _write(writer: SnapshotWriter, records: list[Record]) -> None:
    for record in records:
        writer.write(record)


async def read_all(records: Iterator[Record]) -> AsyncIterator[Record]:
    """Every record."""
    while some := await asyncio.to_thread(lambda: list(islice(records, _AT_ONCE))):
        for record in some:
            yield record

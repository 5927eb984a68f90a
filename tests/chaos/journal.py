"""Files of one JSON object a line that outlive whoever writes them: a line that `write` returned for is on the disk."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

Line: TypeAlias = dict[str, str | int | float | bool]
_READ_BYTES: Final = 1 << 20


class Journal:
    """Appends lines to a file; lines that come in together share one fsync."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._waiting: list[asyncio.Future[None]] = []
        self._syncing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._syncing is not None:
            await asyncio.wait([self._syncing])
        os.close(self._file)

    async def write(self, line: Mapping[str, object]) -> None:
        """Write one line; returns when it is on the disk."""
        # One write to a file opened for appending: a process that is killed leaves no half of a line between others.
        os.write(self._file, json.dumps(line).encode() + b"\n")
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(written)
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync())
        await written

    async def _sync(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            await asyncio.to_thread(os.fsync, self._file)
            for one in waiting:
                if not one.done():
                    one.set_result(None)


class Reader:
    """Reads a journal as it grows; what is not a whole line yet waits for the next look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def new(self) -> Iterator[Line]:
        """The lines since the last look."""
        if not self._path.exists():
            return
        rest = b""
        with self._path.open("rb") as file:
            file.seek(self._place)
            while piece := file.read(_READ_BYTES):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._place += len(line) + 1
                    yield json.loads(line)


def read(path: Path) -> list[Line]:
    """All whole lines of a journal; none when it was never begun."""
    return list(Reader(path).new())

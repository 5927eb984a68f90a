"""A snapshot as a file: a header, records, and an end that tells a whole file from one that was cut off or changed.

All lines are JSON (NDJSON); with gzip or without. The end has the SHA-256 of all bytes before it.
"""

import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Final

import msgspec

from oxyq.errors import InvalidPayload
from oxyq.snapshot.inventory import our_key, queue_family
from oxyq.snapshot.records import Job, Key, Record, Scheduler, bytes_of, from_line, to_line

FORMAT: Final = "oxyq-snapshot"
#: The version of the format; raised when a release before could misread what is written.
VERSION: Final = 1
_JOBS_OF: Final = "jobs of "
_GZIP: Final = b"\x1f\x8b"
#: Level 6 takes twice as long and saves 3 % more (80 MB of recipients and ledger).
_GZIP_LEVEL: Final = 4
_BUFFER_BYTES: Final = 2**20
_LONGEST_HEADER: Final = 2**16


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="header"):
    """What a snapshot is: when it was begun (ms since 1970), by which release, under which prefix, and of what.

    `exact`: the queues were paused, and nothing was in hand.
    """

    format: str = FORMAT
    version: int = VERSION
    oxyq: str
    prefix: str
    made_at: int
    organization_id: str | None
    exact: bool


class End(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="end"):
    """The last line: how many records there are of each family, and the SHA-256 of all lines before."""

    counts: dict[str, int]
    sha256: str


@dataclass(slots=True)
class _Seal:
    """What the end will say of the lines so far."""

    counts: Counter[str] = field(default_factory=Counter)
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def end(self) -> End:
        return End(counts=dict(sorted(self.counts.items())), sha256=self.hash.hexdigest())


def family_of(record: Record) -> str:
    """The family that a record is counted in: "campaign", "jobs of message" …"""
    match record:
        case Job(queue=queue):
            return f"{_JOBS_OF}{queue}"
        case Scheduler(queue=queue):
            return f"schedulers of {queue}"
        case Key(space="oxyq", key=key):
            return our_key(bytes_of(key)).family.name
        case Key(key=key):
            return queue_family(bytes_of(key).partition(b":")[2]).name


class SnapshotWriter:
    """Writes one snapshot to a stream of bytes; nothing that was not ended can be imported."""

    def __init__(self, stream: IO[bytes], header: Header, *, compressed: bool) -> None:
        self._stream = stream
        # Without a name or a time: the same content is the same file.
        self._packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, stream, mtime=0) if compressed else None
        self._seal = _Seal()
        self._write(msgspec.json.encode(header) + b"\n")

    def write(self, record: Record) -> None:
        """Write one record."""
        # Pieces of a key are one key.
        self._seal.counts[family_of(record)] += not isinstance(record, Key) or record.is_last
        self._write(to_line(record))

    def end(self) -> End:
        """Write the end; the stream stays open."""
        end = self._seal.end()
        self._write(msgspec.json.encode(end) + b"\n")
        if self._packed is not None:
            self._packed.close()
        self._stream.flush()
        return end

    def _write(self, line: bytes) -> None:
        self._seal.hash.update(line)
        (self._packed or self._stream).write(line)


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A whole snapshot that was not changed; `records` reads it once more."""

    path: Path
    header: Header
    end: End

    @property
    def queues(self) -> list[str]:
        """The queues of its jobs."""
        return [name.removeprefix(_JOBS_OF) for name in self.end.counts if name.startswith(_JOBS_OF)]

    def records(self) -> Iterator[Record]:
        """All records, in their order."""
        with _opened(self.path) as lines:
            lines.readline()
            for line in lines:
                if not _is_end(line):
                    yield from_line(line)


def checked(path: Path, look: Callable[[Record], None] = lambda _: None) -> SnapshotFile:
    """Read a snapshot from its beginning to its end; `look` sees each record.

    Raises InvalidPayload when it is none, of a later release, cut off or changed, and OSError.
    """
    seal, end = _Seal(), None
    try:
        with _opened(path) as lines:
            first = lines.readline(_LONGEST_HEADER)
            header = _header(first)
            seal.hash.update(first)
            for line in lines:
                if end is not None:
                    raise _bad("has lines behind its end; export it anew")
                if _is_end(line):
                    end = _end(line)
                    continue
                record = from_line(line)
                look(record)
                seal.counts[family_of(record)] += not isinstance(record, Key) or record.is_last
                seal.hash.update(line)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _bad(f"is cut off or broken ({error}); copy or export it anew") from None
    if end is None:
        raise _bad("is cut off: its end is missing; copy or export it anew")
    if end != seal.end():
        raise _bad("was changed since it was written: its lines do not have the SHA-256 of its end")
    return SnapshotFile(path, header, end)


def release() -> str:
    """The version of this release."""
    try:
        return version("oxyq")
    except PackageNotFoundError:
        return "source"


def _header(line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
        is_ours = header.format == FORMAT
    except (msgspec.DecodeError, ValueError):
        # Of a later version no more than this is promised.
        header, is_ours = None, b'"format":"oxyq-snapshot"' in line
    if not is_ours:
        raise _bad("is no snapshot of Oxyq; give a file that `oxyq snapshot export` wrote")
    if header is None or header.version > VERSION:
        raise _bad(
            f"was written by a later release; this one ({release()}) reads version {VERSION}: import it with that"
        )
    return header


def _is_end(line: bytes) -> bool:
    return line.startswith(b'{"record":"end"')


def _end(line: bytes) -> End:
    try:
        return msgspec.json.decode(line, type=End)
    except (msgspec.DecodeError, ValueError):
        raise _bad("is cut off within its end; copy or export it anew") from None


def _bad(problem: str) -> InvalidPayload:
    return InvalidPayload("snapshot", problem)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        is_packed = raw.read(len(_GZIP)) == _GZIP
        raw.seek(0)
        if not is_packed:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw, mode="rb") as packed:
            yield io.BufferedReader(packed, _BUFFER_BYTES)

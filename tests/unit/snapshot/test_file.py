"""A snapshot is taken as a whole or not at all."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from oxyq.errors import InvalidPayload
from oxyq.snapshot.file import Header, SnapshotWriter, checked
from oxyq.snapshot.records import Binary, Job, Key, Record

RECORDS: list[Record] = [
    Key(space="oxyq", key="organizations", type="set", items=["org_1"]),
    Key(
        space="oxyq",
        key="org:org_1:campaign-rows:c:zone",
        type="list",
        items=[Binary(b"\xff\x00")],
        part=0,
        is_last=False,
    ),
    Key(space="oxyq", key="org:org_1:campaign-rows:c:zone", type="list", items=["Olá 🐶"], part=1),
    Job(queue="message", id="msg-1", state="wait", fields=["data", '{"text":"Olá"}'], in_hand=True),
]


def written(*, compressed: bool = False, **header: object) -> bytes:
    """A snapshot as it lies on the disk."""
    stream = io.BytesIO()
    given = {"oxyq": "1.0.0", "prefix": "bull", "made_at": 1, "organization_id": None, "exact": True, **header}
    writer = SnapshotWriter(stream, Header(**given), compressed=compressed)
    for record in RECORDS:
        writer.write(record)
    writer.end()
    return stream.getvalue()


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes bytes into a file."""

    def keep_it(content: bytes) -> Path:
        path = tmp_path / "a.ndjson"
        path.write_bytes(content)
        return path

    return keep_it


@pytest.mark.parametrize("compressed", [False, True])
def test_what_was_written_is_read(keep: Callable[[bytes], Path], compressed: bool) -> None:
    snapshot = checked(keep(written(compressed=compressed)))

    assert list(snapshot.records()) == RECORDS
    # pieces of a key are one key
    assert snapshot.end.counts == {"organizations": 1, "campaign-rows": 1, "jobs of message": 1}
    assert (snapshot.header.prefix, snapshot.header.exact, snapshot.queues) == ("bull", True, ["message"])


@pytest.mark.parametrize("compressed", [False, True])
def test_wherever_it_is_cut_off_it_is_refused(keep: Callable[[bytes], Path], compressed: bool) -> None:
    whole = written(compressed=compressed)

    for length in {*range(0, len(whole), 23), *range(len(whole) - 20, len(whole) - 1)}:
        with pytest.raises(InvalidPayload):
            checked(keep(whole[:length]))


def test_whichever_byte_is_changed_it_is_refused(keep: Callable[[bytes], Path]) -> None:
    whole = written()

    for at in range(0, len(whole) - 1, 17):
        with pytest.raises(InvalidPayload):
            checked(keep(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is no snapshot of Oxyq"),
        (b'{"id":"org_1"}\n', "is no snapshot of Oxyq"),
        (b"REDIS0011\xfa\tredis-ver", "is no snapshot of Oxyq"),
        (gzip.compress(b"something else\n", mtime=0), "is no snapshot of Oxyq"),
        (written(version=2), r"was written by a later release; this one \(.*\) reads version 1"),
        (written().replace(b'"version":1', b'"version":9,"cipher":"x"'), "was written by a later release"),
        (written()[:-100], "is cut off"),
        (written().replace("Olá".encode(), b"Ola", 1), "was changed since it was written"),
        (written() + b"{}\n", "has lines behind its end"),
        (written(compressed=True)[:-9], "is cut off or broken"),
    ],
)
def test_what_is_wrong_is_told(keep: Callable[[bytes], Path], content: bytes, problem: str) -> None:
    with pytest.raises(InvalidPayload, match=problem):
        checked(keep(content))


def test_a_record_that_this_release_does_not_know_is_no_crash(keep: Callable[[bytes], Path]) -> None:
    changed = written().replace(b'{"record":"job"', b'{"record":"cat"')

    with pytest.raises(InvalidPayload, match="record: is none that this release knows"):
        checked(keep(changed))

"""Bytes go through a line of JSON unharmed, and large keys in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from oxyq.snapshot.records import (
    PIECE_BYTES,
    PIECE_ITEMS,
    Key,
    all_bytes,
    bytes_of,
    from_line,
    pieces,
    to_line,
    value_of,
    values_of,
)


@given(st.lists(st.one_of(st.binary(max_size=30), st.text(st.characters(codec="utf-8")).map(str.encode)), max_size=5))
def test_whatever_redis_holds_comes_back(items: list[bytes]) -> None:
    name = b"".join(items)
    record = Key(space="oxyq", key=value_of(name), type="list", items=values_of(items))

    line = to_line(record)

    again = from_line(line)
    assert again == record and line.count(b"\n") == 1
    assert isinstance(again, Key) and all_bytes(again.items) == items and bytes_of(again.key) == name


@given(st.lists(st.integers(0, PIECE_BYTES), max_size=30), st.sampled_from([1, 2]))
def test_pieces_are_bounded_and_together_the_whole(sizes: list[int], step: int) -> None:
    items = [b"x" * size for size in sizes for _ in range(step)]

    cut = list(pieces(items, step))

    assert [item for piece in cut for item in piece] == items
    assert all(len(piece) % step == 0 for piece in cut)
    # what makes a piece too large is its last item
    assert all(sum(map(len, piece[:-step])) < PIECE_BYTES for piece in cut)


def test_many_short_items_are_many_pieces() -> None:
    assert [len(piece) for piece in pieces([b""] * (2 * PIECE_ITEMS + 1), 1)] == [PIECE_ITEMS, PIECE_ITEMS, 1]

"""New inputs from known ones: bytes put in, taken out, doubled and swapped, and JSON changed where it has a value."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from hypothesis import strategies as st

Edit: TypeAlias = Callable[[bytes], bytes]

#: Values that have no business where another one was.
_HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**53, -(2**63), 2**64, 1e300, "", " ", "\0", "\ud800", "5", "a:b", "../", "\u202e",
    "x" * 5000, "{{x}}", "=1+1", "\n\x1b[31m", "٣" * 12, [], {}, [[]], {"": None}, {"__proto__": {}}, [None] * 50,
)  # fmt: skip
#: Longer ones are cut, so that doubling stays quick.
_LONGEST = 20_000


def mutated(seeds: Sequence[bytes], words: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes of any kind, most of them near one of the seeds."""
    pieces = st.sampled_from([*words, b"\0", b"\xff", b" "]) | st.binary(max_size=4)
    places = st.integers(0, 2**16)
    edit: st.SearchStrategy[Edit] = st.one_of(
        st.builds(lambda at, piece: partial(_put, at=at, piece=piece), places, pieces),
        st.builds(lambda at, count: partial(_cut, at=at, count=count), places, st.integers(1, 40)),
        st.builds(lambda at, times: partial(_double, at=at, times=times), places, st.integers(2, 200)),
        st.builds(lambda at, other: partial(_splice, at=at, other=other), places, st.sampled_from(seeds)),
        st.builds(lambda at, value: partial(_replace, at=at, value=value), places, st.sampled_from(_HOSTILE)),
        st.builds(lambda at: partial(_drop, at=at), places),
    )
    near = st.builds(_edited, st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=5))
    made = st.lists(pieces, max_size=12).map(b"".join)
    return st.one_of(near, near, near, made, st.binary(max_size=60))


def _edited(seed: bytes, edits: Sequence[Edit]) -> bytes:
    for edit in edits:
        seed = edit(seed)[:_LONGEST]
    return seed


def _put(raw: bytes, at: int, piece: bytes) -> bytes:
    at %= len(raw) + 1
    return raw[:at] + piece + raw[at:]


def _cut(raw: bytes, at: int, count: int) -> bytes:
    at %= len(raw) + 1
    return raw[:at] + raw[at + count :]


def _double(raw: bytes, at: int, times: int) -> bytes:
    at %= len(raw) + 1
    return raw[:at] + raw[at : at + 8] * times + raw[at + 8 :]


def _splice(raw: bytes, at: int, other: bytes) -> bytes:
    return raw[: at % (len(raw) + 1)] + other[at % (len(other) + 1) :]


# --- where it is JSON ---------------------------------------------------------------------------------------


def _replace(raw: bytes, at: int, value: Any) -> bytes:
    return _changed(raw, at, lambda holder, key: holder.__setitem__(key, value))


def _drop(raw: bytes, at: int) -> bytes:
    return _changed(raw, at, lambda holder, key: holder.__delitem__(key))


def _changed(raw: bytes, at: int, change: Callable[[Any, Any], None]) -> bytes:
    try:
        value = json.loads(raw)
        places = list(_places(value))
    except (ValueError, RecursionError):
        return raw
    if places:
        change(*places[at % len(places)])
    return json.dumps(value).encode()


def _places(value: Any) -> "Sequence[tuple[Any, Any]]":
    """Where each value in it stands: what holds it, and its name or place there."""
    found, layer = list[tuple[Any, Any]](), [value]
    while layer:
        holder = layer.pop()
        if isinstance(holder, dict | list):
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            found += [(holder, key) for key in keys]
            layer += [holder[key] for key in keys]
    return found

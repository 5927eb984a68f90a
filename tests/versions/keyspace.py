"""The shape of what a release writes: the kinds of keys, and for hashes and JSON which fields they have."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.versions.dump import Key

#: Parts of keys that name a kind; all other parts are of somebody's choosing, or made of it.
_KINDS = frozenset(
    "accepted active all answers automation bulk calendar campaign completed counts day dead-letter delayed events "
    "failed gaps id last limiter lock logs marker message meta metrics next paused pc prioritized repeat reserve "
    "slowed stalled stalled-check through times turn turns wait".split()
)
#: Hashes of which the fields are ids, or made of them.
_BY_ID = (
    "campaign-recipients",
    "campaign-open",
    "campaign-upload",
    "instances",
    "instance-secrets",
    "weights",
    "turns:next",
)
_OF_SOMEBODY = re.compile(r"\d{4,}|:|wa_|org_")


def shape(keys: Iterable[Key]) -> dict[str, dict[str, set[str]]]:
    """For each kind of key its types and its fields: of a hash, of JSON in a string, `field.inner` of JSON in it."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"types": set(), "fields": set()})
    for key in keys:
        kind = _kind(str(key["key"]))
        found[kind]["types"].add(key["type"])
        found[kind]["fields"] |= set(_fields(kind, key))
    return dict(found)


def differences(before: dict[str, dict[str, set[str]]], after: dict[str, dict[str, set[str]]]) -> list[str]:
    """What one has and the other has not, each as a line such as "+ organization.rate"."""
    lines = [f"- {kind}" for kind in before.keys() - after.keys()] + [
        f"+ {kind}" for kind in after.keys() - before.keys()
    ]
    for kind in before.keys() & after.keys():
        for what in ("types", "fields"):
            lines += [f"- {kind}.{name}" for name in before[kind][what] - after[kind][what]]
            lines += [f"+ {kind}.{name}" for name in after[kind][what] - before[kind][what]]
    return sorted(lines)


def _kind(key: str) -> str:
    first, *parts = key.split(":")
    if first == "oxyq":
        _, *parts = parts
        if parts[0] == "org":
            parts = parts[2:]
        return ":".join([parts[0], *(part if part in _KINDS else "*" for part in parts[1:])])
    return ":".join(["queue", *(part if part in _KINDS else _job(part) for part in parts[1:])])


def _job(part: str) -> str:
    """A part of a BullMQ key that is a job's or scheduler's id, by what it begins with."""
    return f"{part.split('-')[0]}-*" if "-" in part else "*"


def _fields(kind: str, key: Key) -> Iterator[str]:
    if key["type"] == "string":
        yield from _inner("", key["value"])
    if key["type"] == "hash":
        for name, value in key["value"]:
            if kind.split(":")[0] in _BY_ID or kind.endswith(_BY_ID):
                yield from _inner("*", value)
            elif not _OF_SOMEBODY.search(name):
                yield name
                yield from _inner(name, value)


def _inner(name: str, text: Any) -> Iterator[str]:
    """The fields of JSON that stands in a text."""
    if isinstance(text, str) and text.startswith('{"'):
        for inner in json.loads(text):
            if not _OF_SOMEBODY.search(inner):
                yield f"{name}.{inner}".lstrip(".")

"""The table of all keys is complete: whatever is written into Redis, somebody decided how it goes into a snapshot."""

import inspect
from collections.abc import Iterator

import pytest

from oxyq import redis_keys
from oxyq.engine.keys import QueueKeys
from oxyq.snapshot.inventory import OF_ALL, OF_ORGANIZATIONS, OF_QUEUES, How, our_key, queue_family
from tests.versions.dump import saved
from tests.versions.make_golden import GOLDEN, PREFIX
from tests.versions.snapshot_rows import without_row

FAMILIES = [*OF_ALL.values(), *OF_ORGANIZATIONS.values(), *OF_QUEUES.values()]
#: What the tests call things, in place of what a key's function asks for.
NUMBERS = {"slot_seconds": 600, "block": 3}


def our_keys() -> Iterator[tuple[str, str]]:
    """Every function of redis_keys.py with the keys that it makes."""
    for name, function in inspect.getmembers(redis_keys, inspect.isfunction):
        if name.startswith("_") or function.__module__ != redis_keys.__name__:
            continue
        needed = [one for one in inspect.signature(function).parameters if one != "prefix"]
        yield name, function(*(NUMBERS.get(one, f"a {one}") for one in needed))
        if "organization_id" in needed and name in ("audit", "tasks", "statistics"):
            without = [None if one == "organization_id" else NUMBERS.get(one, one) for one in needed]
            yield f"{name} of all", function(*without)


@pytest.mark.parametrize(("name", "key"), list(our_keys()))
def test_every_key_of_ours_has_its_row(name: str, key: str) -> None:
    found = our_key(key.removeprefix("oxyq:bull:").encode())

    table = OF_ALL if found.organization_id is None else OF_ORGANIZATIONS
    assert found.family.name in table, f"redis_keys.{name} has no row in snapshot/inventory.py: say how it is exported"


def test_every_key_of_a_queue_has_its_row() -> None:
    keys = QueueKeys("message")
    for name in set(QueueKeys.__slots__) - {"name", "prefix", "base"}:
        rest = getattr(keys, name).removeprefix(keys.base)
        assert queue_family(rest.encode()).name != "job", f"{rest} has no row in snapshot/inventory.py"


def test_every_key_of_installations_that_lived_has_its_row() -> None:
    """Of the release before this one, and of Node services with BullMQ 5 and 6; test_keyspace.py has this one."""
    for file in sorted(GOLDEN.glob("*/keys.jsonl")):
        assert without_row(saved(file), PREFIX) == [], file


def test_what_is_never_exported_says_why_and_nothing_else_does() -> None:
    assert {family.name for family in FAMILIES if (family.how is How.NEVER) is not bool(family.why)} == set()


@pytest.mark.parametrize(
    ("rest", "family"),
    [
        ("repeat:daily", "repeat"),
        ("repeat:daily:1795521600000:logs", "logs"),
        ("failed", "failed"),
        ("parent-1:failed", "failed children"),
        ("parent-1:dependencies", "dependencies"),
        ("send-0a1b", "job"),
        ("oxyq-canary:lock", "canary"),
        ("metrics:failed:data", "metrics"),
    ],
)
def test_keys_that_look_alike_are_told_apart(rest: str, family: str) -> None:
    assert queue_family(rest.encode()).name == family


def test_a_key_of_a_later_release_is_taken_whole() -> None:
    assert our_key(b"org:org_1:of-tomorrow:x").family.how is How.WHOLE


def test_names_of_tenants_do_not_lead_to_other_families() -> None:
    """An organization may be called like a family, or have a colon in its id."""
    found = our_key(
        redis_keys.campaign_rows("campaign:x", "a:b", "America/Sao_Paulo").removeprefix("oxyq:bull:").encode()
    )

    assert found.organization_id == "campaign:x"
    assert f"oxyq:bull:{found.sibling('campaign').decode()}" == redis_keys.campaign("campaign:x", "a:b")

"""Every kind of key has its place in the table; what a key is and whose is read from its name."""

import inspect

from oxyq import redis_keys
from oxyq.privacy.inventory import FAMILIES, Whose, place
from oxyq.queues import POLICIES

QUEUES = frozenset((*POLICIES, "dead-letter"))
#: The bridge writes them, and the functions that make them take other names.
ARGUMENT = "arg-{}"


def _names() -> list[str]:
    """A key of each function of `redis_keys`."""
    found = []
    for name, function in inspect.getmembers(redis_keys, inspect.isfunction):
        if name.startswith("_") or function.__module__ != redis_keys.__name__:
            continue
        given = [
            7 if parameter.annotation is int else ARGUMENT.format(parameter.name)
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind is not parameter.KEYWORD_ONLY
        ]
        found.append(function(*given, prefix="bull"))
    return found


def test_each_function_of_redis_keys_has_a_row_and_each_row_a_function() -> None:
    """Whoever adds a key says whether it can hold something about a person, and what erasing does with it."""
    placed = {name: place(name, "bull", QUEUES) for name in _names()}

    assert [name for name, key in placed.items() if key is None] == []
    assert {key.family_name for key in placed.values() if key} == set(FAMILIES)


def test_keys_that_belong_to_nobody_are_of_no_tenant() -> None:
    """What holds nothing of contacts may be a tenant's only where it is counts and settings of erasing itself."""
    tenants = {
        key.family_name
        for key in (place(name, "bull", QUEUES) for name in _names())
        if key and key.organization_id is not None and key.family.whose is Whose.NOBODY
    }
    assert tenants <= {"statistics", "erasing"}


def test_parts_are_read_as_they_were_written() -> None:
    chat = place(redis_keys.conversation("org:1", "wa 1", "123@lid"), "bull", QUEUES)
    rows = place(redis_keys.campaign_rows("o", "c", "America/Sao_Paulo"), "bull", QUEUES)

    assert chat is not None and (chat.organization_id, chat.parts) == ("org:1", ("wa 1", "123@lid"))
    assert rows is not None and rows.parts == ("c", "America/Sao_Paulo")


def test_keys_of_a_queue_are_told_apart() -> None:
    def kind(name: str) -> tuple[str, tuple[str, ...]] | None:
        key = place(f"bull:message:{name}", "bull", QUEUES)
        return None if key is None else (key.family_name, key.parts)

    assert kind("msg-1") == ("job", ("msg-1",))
    assert kind("17") == ("job", ("17",))
    assert kind("msg-1:logs") == ("logs", ("msg-1",))
    assert kind("msg-1:lock") is None
    assert kind("accepted:msg-1") == ("accepted", ("msg-1",))
    assert kind("repeat:weekly") == ("repeat", ("weekly",))
    assert kind("repeat:weekly:1795454190253") == ("job", ("repeat:weekly:1795454190253",))
    assert kind("repeat:weekly:1795454190253:logs") == ("logs", ("repeat:weekly:1795454190253",))
    assert kind("events") == ("events", ())
    assert [kind(name) for name in ("wait", "delayed", "meta", "turns:next", "metrics:completed", "id")] == [None] * 6


def test_other_installations_and_queues_of_others_are_left_alone() -> None:
    assert place("other:message:msg-1", "bull", QUEUES) is None
    assert place("bull:emails:1", "bull", QUEUES) is None
    assert place("oxyq:other:org:o:contact:1", "bull", QUEUES) is None

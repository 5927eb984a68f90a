"""Every key that is ours has its place, and no tenant can reach into another's."""

import inspect
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq import redis_keys
from oxyq.engine.address import Address, Cluster
from oxyq.engine.keys import QueueKeys
from oxyq.errors import ConfigurationError

FUNCTIONS = [
    function
    for name, function in inspect.getmembers(redis_keys, inspect.isfunction)
    if not name.startswith("_") and function.__module__ == redis_keys.__name__
]
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


def test_the_keys_are_what_they_were() -> None:
    """A changed key would forget what is stored under the old one."""
    assert redis_keys.organization("org_1") == "oxyq:bull:org:org_1:organization"
    assert redis_keys.organizations_index() == "oxyq:bull:organizations"
    assert redis_keys.campaign("org_1", "c") == "oxyq:bull:org:org_1:campaign:c"
    assert redis_keys.campaign_recipients("org_1", "c") == "oxyq:bull:org:org_1:campaign-recipients:c"


def test_two_installations_on_one_redis_do_not_meet() -> None:
    assert redis_keys.organizations_index(prefix="staging") == "oxyq:staging:organizations"
    assert redis_keys.organization("org_1", prefix="staging") == "oxyq:staging:org:org_1:organization"
    assert redis_keys.campaign("org_1", "c", prefix="staging") == "oxyq:staging:org:org_1:campaign:c"


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_the_docstring_of_a_key_tells_how_long_it_lives(function: object) -> None:
    assert "TTL" in (inspect.getdoc(function) or "")


@given(IDS, IDS, IDS, IDS)
def test_different_tenants_or_campaigns_never_share_a_key(one: str, other: str, a: str, b: str) -> None:
    """Also with ids such as "a:b" and "a", which would meet if they were only joined by colons."""
    if (one, a) != (other, b):
        assert redis_keys.campaign(one, a) != redis_keys.campaign(other, b)
    assert redis_keys.campaign(one, a) != redis_keys.campaign_recipients(other, b)
    assert redis_keys.campaign(one, a) != redis_keys.organization(other)


@pytest.mark.parametrize("nasty", ["a:b", "../", "*", "a\r\nSET x", "{slot}", "😀"])
def test_a_nasty_id_leaves_nothing_special_in_the_key(nasty: str) -> None:
    key = redis_keys.organization(nasty)

    assert key.isascii() and key.isprintable()
    assert key.count(":") == redis_keys.organization("plain").count(":")
    assert not set("*{}?[] ") & set(key)


def slot(key: str) -> int:
    """Where a cluster keeps a key."""
    via = Address.from_url("redis+cluster://host").for_prefix(key).via
    assert isinstance(via, Cluster)
    assert via.slot is not None
    return via.slot


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_in_a_cluster_every_key_of_ours_is_in_one_slot_whatever_tenants_choose(function: Callable[..., str]) -> None:
    """A script reaches keys of one slot only, and the part between braces decides which it is."""
    chosen = {
        name: 7 if parameter.annotation == "int" or parameter.annotation is int else "{elsewhere}"
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "prefix"
    }

    assert slot(function(**chosen, prefix="shop{oxyq}")) == slot("{oxyq}")


def test_in_a_cluster_every_key_of_a_queue_is_there_too() -> None:
    keys = QueueKeys("{elsewhere}", "shop{oxyq}")
    named = [getattr(keys, name) for name in QueueKeys.__slots__ if name not in ("name", "prefix")]

    assert {slot(key) for key in [*named, keys.job("{x}"), keys.lock("{x}"), keys.accepted_key("{x}")]} == {
        slot("{oxyq}")
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [("{user1000}.following", 3443), ("foo{}{bar}", None), ("foo{{bar}}zap", 4015), ("{123456789}", 12739)],
)
def test_slots_are_those_of_the_specification(key: str, expected: int | None) -> None:
    """12739 is its example (0x31C3); the others are what `CLUSTER KEYSLOT` of Redis 7 answers."""
    if expected is None:
        with pytest.raises(ConfigurationError, match=r"write \{"):
            slot(key)
    else:
        assert slot(key) == expected

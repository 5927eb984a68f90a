"""Every key that is ours has its place, and no tenant can reach into another's."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq import redis_keys

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

"""A stranger reads no metrics."""

import pytest
from pydantic import SecretStr

from oxyq.telemetry.metrics.readers import Readers, is_loopback

TOKEN = "metrics-" * 4


@pytest.mark.parametrize(
    ("authorization", "answer"),
    [
        ([f"Bearer {TOKEN}"], "yes"),
        ([], "token"),
        ([""], "token"),
        ([TOKEN], "token"),
        (["Bearer "], "token"),
        ([f"Bearer {TOKEN}x"], "token"),
        ([f"Bearer {TOKEN[:-1]}"], "token"),
        ([f"bearer {TOKEN}"], "token"),
        ([f"Bearer  {TOKEN}"], "token"),
        (["Bearer ñ€"], "token"),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], "token"),
    ],
)
@pytest.mark.parametrize("is_production", [True, False])
def test_with_a_token_only_who_shows_it(authorization: list[str], answer: str, is_production: bool) -> None:
    readers = Readers(SecretStr(TOKEN), is_production=is_production)

    assert readers.may(authorization, "203.0.113.9", is_forwarded=True) == answer
    assert readers.may(authorization, "127.0.0.1", is_forwarded=False) == answer


@pytest.mark.parametrize(
    ("peer", "is_forwarded", "is_production", "answer"),
    [
        ("127.0.0.1", False, False, "yes"),
        ("::1", False, False, "yes"),
        ("127.0.0.1", True, False, "only here"),
        ("10.0.0.7", False, False, "only here"),
        ("203.0.113.9", False, False, "only here"),
        ("", False, False, "only here"),
        ("127.0.0.1", False, True, "only here"),
    ],
)
def test_without_one_only_this_machine_and_in_production_nobody(
    peer: str, is_forwarded: bool, is_production: bool, answer: str
) -> None:
    assert Readers(None, is_production=is_production).may([], peer, is_forwarded=is_forwarded) == answer


@pytest.mark.parametrize(
    ("host", "is_here"), [("localhost", True), ("127.8.0.1", True), ("10.0.0.1", False), ("a", False)]
)
def test_which_addresses_are_this_machine(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here

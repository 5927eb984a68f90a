"""The table of keys: what we leave behind on purpose is in it, what has leaked is not."""

import pytest

from tests.chaos.keyspace import leaked

DAY = 24 * 3600.0


@pytest.mark.parametrize(
    ("key", "seconds"),
    [
        ("chaos:message:meta", None),
        ("chaos:message:msg-0b1ca9dd8a3a4ab0cbb1b9a0bd30cc4f", None),
        ("chaos:message:accepted:msg-0b1ca9dd8a3a4ab0cbb1b9a0bd30cc4f", 8 * DAY),
        ("oxyq:chaos:org:org_chaos:message:msg-0b1c%2F0", 8 * DAY),
        ("oxyq:chaos:organizations", None),
    ],
)  # fmt: skip
def test_what_is_ours_may_stay_for_its_time(key: str, seconds: float | None) -> None:
    assert [*leaked([(key, seconds)])] == []


@pytest.mark.parametrize(
    ("key", "seconds"),
    [
        ("chaos:message:msg-0b1ca9dd8a3a4ab0cbb1b9a0bd30cc4f:lock", 2.0),
        ("chaos:message:active", None),
        ("chaos:message:1", None),
        ("chaos:message:accepted:msg-0b1ca9dd8a3a4ab0cbb1b9a0bd30cc4f", None),
        ("oxyq:chaos:org:org_chaos:message:msg-0b1c%2F0", 30 * DAY),
        ("oxyq:chaos:something-new", 60.0),
    ],
)  # fmt: skip
def test_a_lock_a_list_of_jobs_and_what_lives_too_long_are_found(key: str, seconds: float | None) -> None:
    assert len([*leaked([(key, seconds)])]) == 1

"""The policy table is what the design says, and the environment may change each cell within bounds."""

import dataclasses

import pytest

from oxyq.errors import ConfigurationError
from oxyq.queues import DEAD_LETTER, OVERRIDE_NAMES, OVERRIDES, POLICIES, Override, QueuePolicy, policies


@pytest.mark.parametrize(
    ("name", "priority", "concurrency", "rate", "timeout_seconds", "target_p95_seconds"),
    [
        ("message", 1, 5, (10, 1.0), 60, 5),
        ("automation", 3, 5, (20, 1.0), 60, 10),
        ("campaign", 5, 3, (100, 60.0), 120, 60),
    ],
)
def test_each_queue_has_its_row(
    name: str,
    priority: int,
    concurrency: int,
    rate: tuple[int, float],
    timeout_seconds: float,
    target_p95_seconds: float,
) -> None:
    policy = POLICIES[name]

    assert (priority, concurrency, rate) == (
        policy.priority,
        policy.concurrency,
        (policy.rate_max, policy.rate_seconds),
    )
    assert (timeout_seconds, target_p95_seconds) == (policy.timeout_seconds, policy.target_p95_seconds)
    assert (policy.attempts, policy.backoff_seconds, policy.backoff_jitter) == (3, 2.0, 0.2)
    assert (policy.keep_completed_count, policy.keep_completed_seconds) == (100, 86_400)
    assert (policy.keep_failed_count, policy.keep_failed_seconds) == (500, 604_800)


def test_dead_letters_have_no_row_because_nobody_works_them() -> None:
    assert DEAD_LETTER == "dead-letter"
    assert list(POLICIES) == ["message", "automation", "campaign"]


def test_every_cell_but_the_name_can_be_overridden() -> None:
    columns = {field.name for field in dataclasses.fields(QueuePolicy)} - {"name", "rate_seconds"}

    assert columns == {row.field for row in OVERRIDES}
    assert len(OVERRIDE_NAMES) == len(POLICIES) * len(OVERRIDES)


def test_overrides_change_their_cell_and_nothing_else() -> None:
    table = policies({"OXYQ_MESSAGE_CONCURRENCY": "50", "OXYQ_CAMPAIGN_RATE": "30/0.5"})

    assert table["message"] == dataclasses.replace(POLICIES["message"], concurrency=50)
    assert table["campaign"] == dataclasses.replace(POLICIES["campaign"], rate_max=30, rate_seconds=0.5)
    assert table["automation"] == POLICIES["automation"]


def test_a_whole_number_stays_one() -> None:
    """Redis would refuse 50.0."""
    table = policies({"OXYQ_MESSAGE_CONCURRENCY": "50", "OXYQ_MESSAGE_RATE": "7/1"})

    assert [type(value) for value in (table["message"].concurrency, table["message"].rate_max)] == [int, int]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("OXYQ_MESSAGE_CONCURRENCY", "0", "must be a whole number from 1 to 1000"),
        ("OXYQ_MESSAGE_CONCURRENCY", "1.5", "must be a whole number"),
        ("OXYQ_MESSAGE_CONCURRENCY", "many", "must be a whole number"),
        ("OXYQ_MESSAGE_CONCURRENCY", "\u0665", "must be a whole number"),
        ("OXYQ_MESSAGE_ATTEMPTS", "26", "from 1 to 25"),
        ("OXYQ_MESSAGE_PRIORITY", "3000000", "from 1 to 10"),
        ("OXYQ_MESSAGE_BACKOFF_SECONDS", "-2", "must be a number from 0.001"),
        ("OXYQ_MESSAGE_BACKOFF_JITTER", "1.1", "from 0 to 1"),
        ("OXYQ_MESSAGE_TIMEOUT_SECONDS", "nan", "must be a number"),
        ("OXYQ_MESSAGE_TIMEOUT_SECONDS", "inf", "must be a number"),
        ("OXYQ_MESSAGE_RATE", "100", "such as 100/60"),
        ("OXYQ_MESSAGE_RATE", "0/1", "must be a whole number from 1"),
        ("OXYQ_MESSAGE_RATE", "10/0", "must be a number from 0.001"),
        ("OXYQ_MESSAGE_RATE", "10/1/1", "must be a number from 0.001"),
        ("OXYQ_MESAGE_RATE", "10/1", "did you mean OXYQ_MESSAGE_RATE?"),
        ("XYZ", "1", "there is no such setting"),
    ],
)
def test_a_bad_override_is_refused_by_name_and_with_a_fix(name: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        policies({name: text})

    assert str(caught.value).startswith(f"{name}: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("row", OVERRIDES, ids=lambda row: row.suffix)
def test_both_bounds_are_allowed(row: Override) -> None:
    for bound in (row.lowest, row.highest):
        text = f"{bound:.3f}".rstrip("0").rstrip(".") if bound < 1 else f"{bound:.0f}"

        table = policies({f"OXYQ_MESSAGE_{row.suffix}": f"{text}/1" if row.suffix == "RATE" else text})

        assert getattr(table["message"], row.field) == bound


def test_all_bad_overrides_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        policies({"OXYQ_MESSAGE_CONCURRENCY": "0", "OXYQ_CAMPAIGN_RATE": "x"})

    assert len(caught.value.problems) == 2

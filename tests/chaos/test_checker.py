"""The checker finds each thing that can go wrong, and nothing where all went well."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos import checker
from tests.chaos.evidence import Ended, Evidence, Send, Struck, Warmth
from tests.chaos.lanes import LANES
from tests.chaos.schedule import FaultName, Strike

SHORT = LANES["short"]
#: A fault at the tenth second of a run, of which all times are told in ms.
STRUCK_MS = 10_000


def struck(
    fault: FaultName = "worker killed", *, began: int = STRUCK_MS, seconds: float = 1, in_hand: str = "job-1",
    resumed: int | None = STRUCK_MS + 4_000, flowing: int | None = STRUCK_MS + 1_500,
) -> Struck:  # fmt: skip
    strike = Strike(began / 1000, fault, "worker-1", seconds)
    return Struck(strike, began, began + int(seconds * 1000), frozenset(in_hand.split()), resumed, flowing)


#: Four messages, of which a fault met the first: it went out twice and is marked, as is promised.
WELL = Evidence(
    wanted={"answer-1": "job-1", "answer-2": "job-2", "send-1": "job-3", "send-2": "job-4"},
    at_most_once=frozenset({"send-1", "send-2"}),
    sends=[Send(9_000, "answer-1"), Send(14_000, "answer-1"), Send(9_000, "answer-2"), Send(9_000, "send-1")],
    endings={
        "answer-1": frozenset({"done"}),
        "answer-2": frozenset({"done"}),
        "send-1": frozenset({"unconfirmed"}),
        "send-2": frozenset({"cancelled"}),
    },
    marked=frozenset({"answer-1"}),
    recovered=1,
    ran_again=["job-1"],
    struck=[struck()],
    stopped=[Ended("worker-2", 0)],
    warmth={"worker-1": [Warmth(1_000 * second, 20, 80.0) for second in range(60)]},
    idle_tasks=20,
)


def without(key: str) -> dict[str, Any]:
    return {"endings": {other: endings for other, endings in WELL.endings.items() if other != key}}


def ending(key: str, *endings: str) -> dict[str, Any]:
    return {"endings": {**WELL.endings, key: frozenset(endings)}}


def sent_too(*sends: Send) -> dict[str, Any]:
    return {"sends": [*WELL.sends, *sends]}


def looks(tasks: int = 20, grows_to: float = 80.0) -> dict[str, Any]:
    growth = (grows_to - 80.0) / 59
    return {"warmth": {"worker-1": [Warmth(1_000 * second, tasks, 80.0 + growth * second) for second in range(60)]}}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a lost message": (without("answer-2"), "each has one ending: 1 lost: answer-2"),
    "one without any ending": (ending("answer-2"), "each has one ending: 1 lost: answer-2"),
    "one that is not through": (ending("answer-2", "open"), "each has one ending: 1 still open: answer-2"),
    "one with two endings": (ending("answer-2", "done", "dead-letter"), "each has one ending: 1 ended in several ways"),
    "good input that is refused": ({"refused": ["answer 7: 422"]}, "good orders are taken: answer 7: 422"),
    "an order nobody takes": ({"never_acknowledged": ["answer 8"]}, "good orders are taken: 1 never acknowledged"),
    "said to be sent, and not": (
        {"sends": [send for send in WELL.sends if send.key != "answer-2"]},
        "done means sent: 1 said to be sent, and never was: answer-2",
    ),
    "sent out of nothing": (sent_too(Send(9_000, "who-1")), "done means sent: 1 sent, and nobody asked for it: who-1"),
    "a campaign that is sent twice": (sent_too(Send(14_000, "send-1")), "campaigns once: 1 sent twice: send-1"),
    "an answer that is sent three times": (
        sent_too(Send(19_000, "answer-1")), "others twice at most: 1 sent more than twice: answer-1",
    ),
    "twice and not marked": ({"marked": frozenset()}, "others twice at most: 1 sent twice, and not marked: answer-1"),
    "twice for no reason": (
        sent_too(Send(14_000, "answer-2")) | {"marked": frozenset({"answer-1", "answer-2"})},
        "others twice at most: 1 sent twice, though nothing had happened to it: answer-2",
    ),
    "more runs than were in hand": ({"recovered": 2}, "runs within promise: 2 jobs were taken from their workers"),
    "a run that nothing explains": (
        {"ran_again": ["job-1", "job-2"]}, "runs within promise: 1 ran twice, and was in hand at no fault: job-2",
    ),
    "a job left active": ({"active": ["job-9"]}, "nothing active: 1 still active: job-9"),
    "a leaked key": ({"unknown_keys": ["chaos:message:msg-1:lock is none of ours"]}, "no unknown keys: 1 keys"),
    "jobs resumed too late": ({"struck": [struck(resumed=16_500)]}, "0.5 s too late"),
    "jobs never resumed": ({"struck": [struck(resumed=None)]}, "its jobs were resumed never"),
    "no work after a fault": ({"struck": [struck(flowing=None)]}, "a new message was answered never"),
    "work too late after a fault": ({"struck": [struck(flowing=16_700)]}, "a new message was answered 0.7 s too late"),
    "one that does not stop": ({"stopped": [Ended("worker-2", None)]}, "worker-2 did not stop after SIGTERM"),
    "one that stops with an error": ({"stopped": [Ended("worker-2", 1)]}, "worker-2 ended with 1 after SIGTERM"),
    "one that gives up": (
        {"ended_by_themselves": [Ended("worker-1", 1)]}, "processes live: worker-1 ended by itself with 1",
    ),
    "tasks that never end": (looks(tasks=40), "tasks flat: worker-1 has 40 tasks at its end, and an idle worker has"),
    "memory that grows": (looks(grows_to=140.0), "memory flat: worker-1 grew from 111 to 140 MiB"),
}  # fmt: skip


def test_where_all_went_well_nothing_is_found() -> None:
    assert checker.violations(WELL, SHORT) == []


@pytest.mark.parametrize("what", WRONG)
def test_each_violation_is_found_and_nothing_else(what: str) -> None:
    # Given evidence in which one thing is wrong
    changes, expected = WRONG[what]

    # When it is checked
    found = checker.violations(dataclasses.replace(WELL, **changes), SHORT)

    # Then that is told, and only that
    assert len(found) == 1
    assert expected in str(found[0])


def test_time_stands_still_while_something_else_is_broken() -> None:
    """Jobs of a dead worker cannot be resumed while Redis is away; from its return on time counts again."""
    redis_away = struck("redis killed", began=13_000, seconds=3, in_hand="", resumed=17_000, flowing=17_000)
    in_time = [struck(resumed=21_900, flowing=17_000), redis_away]
    too_late = [struck(resumed=22_100, flowing=17_000), redis_away]

    assert checker.violations(dataclasses.replace(WELL, struck=in_time), SHORT) == []
    assert len(checker.violations(dataclasses.replace(WELL, struck=too_late), SHORT)) == 1


def test_what_redis_may_forget_when_it_is_killed_is_no_loss_and_nothing_else_is_excused() -> None:
    """`everysec` on a slow disk: what was acknowledged or sent within the last seconds may be gone, or come again."""
    lost = dataclasses.replace(WELL, **without("answer-2"), acknowledged={"answer-2": 12_000})
    again = dataclasses.replace(WELL, **sent_too(Send(12_300, "send-2"), Send(14_000, "send-2")))

    for evidence in (lost, again):
        assert checker.violations(dataclasses.replace(evidence, unwritten=[(10_500, 13_000)]), SHORT) == []
        assert len(checker.violations(dataclasses.replace(evidence, unwritten=[(1_000, 3_000)]), SHORT)) == 1


def test_how_long_it_took_counts_from_when_nothing_else_was_broken() -> None:
    dead, away = struck(resumed=21_900), struck("redis killed", began=13_000, seconds=3)

    assert checker.seconds_taken(dead, checker.counts_from(dead), dead.resumed, [dead]) == 11.9
    assert checker.seconds_taken(dead, checker.counts_from(dead), dead.resumed, [dead, away]) == 5.9
    assert checker.seconds_taken(dead, dead.ended, None, [dead]) == float("inf")


def test_a_soak_finds_a_slow_leak_and_keys_that_pile_up() -> None:
    def names(evidence: Evidence) -> Iterator[str]:
        return (violation.promise for violation in checker.violations(evidence, LANES["soak"]))

    many = {f"answer-{number}": "job" for number in range(200_000)}
    soaked = Evidence(
        wanted=many, sends=[Send(1, key) for key in many], endings=dict.fromkeys(many, frozenset({"done"})),
        idle_tasks=20,
    )  # fmt: skip

    # 25 MiB in 200,000 jobs are 0.125 MiB for a thousand
    assert [*names(dataclasses.replace(soaked, **looks(grows_to=105.0)))] == ["memory flat"]
    assert [*names(dataclasses.replace(soaked, kept_keys=5_000))] == ["no unknown keys"]
    assert [*names(dataclasses.replace(soaked, **looks(), kept_keys=300))] == []

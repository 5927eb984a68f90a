"""`oxyq queues`: what the tables say, and what the operations do."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from oxyq.app import App
from oxyq.engine.options import Entry, JobOptions
from tests.command_line import CommandLine

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def scene(in_app: Callable[..., Any], fail_jobs: Callable[..., None]) -> None:
    """Jobs in several states: 3 waiting (one of them prioritized), 2 delayed and 2 failed in campaign, 1 in message."""

    async def add(app: App) -> None:
        await app.queues["campaign"].add_many(
            [
                Entry("made", {}, "w-1"), Entry("made", {}, "w-2"), Entry("made", {}, "w-3", JobOptions(priority=5)),
                Entry("made", {}, "d-1", JobOptions(delay_ms=60_000)),
                Entry("made", {}, "d-2", JobOptions(delay_ms=90_000)),
            ]
        )  # fmt: skip
        await app.queues["message"].add("made", {}, job_id="m-1")

    fail_jobs("campaign", "f-1", "f-2")
    in_app(add)


def counts(oxyq: CommandLine, queue: str = "campaign") -> dict[str, int]:
    return oxyq("queues", "stats", "--json").json()["queues"][queue]


@pytest.mark.usefixtures("scene")
def test_stats_is_a_table_of_all_queues(oxyq: CommandLine) -> None:
    ended = oxyq("queues", "stats")

    head = ["queue", "waiting", "active", "delayed", "completed", "failed", "dead", "letters", "paused"]
    assert ended.out.splitlines()[0].split() == head
    assert ended.rows() == [
        ["message", "1", "0", "0", "0", "0", "0", "no"],
        ["automation", "0", "0", "0", "0", "0", "0", "no"],
        ["campaign", "3", "0", "2", "0", "2", "2", "no"],
    ]


@pytest.mark.usefixtures("scene")
def test_stats_of_one_queue_as_json(oxyq: CommandLine) -> None:
    queues = oxyq("queues", "stats", "campaign", "--json").json()["queues"]

    assert list(queues) == ["campaign"]
    assert queues["campaign"]["waiting"] == 3
    assert queues["campaign"]["dead_letters"] == 2


def test_pause_and_resume_are_seen_in_stats(oxyq: CommandLine) -> None:
    paused = oxyq("queues", "pause", "campaign", "message")
    seen = {row[0]: row[-1] for row in oxyq("queues", "stats").rows()}
    resumed = oxyq("queues", "resume")

    assert (paused.code, paused.out) == (0, "paused: campaign, message\n")
    assert seen == {"message": "yes", "automation": "no", "campaign": "yes"}
    assert (resumed.code, resumed.out) == (0, "running: message, automation, campaign\n")
    assert counts(oxyq)["paused"] == 0


@pytest.mark.usefixtures("scene")
def test_drain_removes_what_waits_and_nothing_else(oxyq: CommandLine) -> None:
    ended = oxyq("queues", "drain", "campaign", "--yes")

    assert (ended.code, ended.out) == (0, "campaign: removed 3 waiting\n")
    assert counts(oxyq) == counts(oxyq) | {"waiting": 0, "delayed": 2, "failed": 2}
    assert counts(oxyq, "message")["waiting"] == 1


@pytest.mark.usefixtures("scene")
def test_drain_takes_delayed_jobs_only_when_told(oxyq: CommandLine) -> None:
    ended = oxyq("queues", "drain", "campaign", "--delayed", "--yes", "--json")

    assert ended.json() == {"removed": {"campaign": {"waiting": 3, "delayed": 2}}}
    assert counts(oxyq)["delayed"] == 0


@pytest.mark.usefixtures("scene")
def test_clean_leaves_what_is_younger(oxyq: CommandLine, in_app: Callable[..., Any]) -> None:
    """By default completed and failed jobs older than 7 days; dead letters stay."""

    async def grow_old(app: App) -> None:
        keys = app.queues["campaign"].keys
        await app.redis.zadd(keys.failed, {"f-1": int(time.time() * 1000) - 8 * DAY_MS})

    in_app(grow_old)
    ended = oxyq("queues", "clean")

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "message: removed 0 completed, 0 failed",
        "automation: removed 0 completed, 0 failed",
        "campaign: removed 0 completed, 1 failed",
    ]
    assert counts(oxyq) == counts(oxyq) | {"waiting": 3, "delayed": 2, "failed": 1, "dead_letters": 2}


@pytest.mark.usefixtures("scene")
def test_clean_takes_age_state_queue_and_limit(oxyq: CommandLine, in_app: Callable[..., Any]) -> None:
    """The limit is for all that wait together, with and without a priority."""
    in_app(lambda app: app.queues["campaign"].add("made", {}, job_id="w-4", priority=5))
    options = ["--state", "failed", "--state", "waiting", "--older-than", "0s", "--limit", "3", "--yes", "--json"]
    ended = oxyq("queues", "clean", "campaign", *options)

    assert ended.json() == {"removed": {"campaign": {"failed": 2, "waiting": 3}}}
    assert counts(oxyq) == counts(oxyq) | {"waiting": 1, "failed": 0}


@pytest.mark.usefixtures("scene")
def test_retry_failed_runs_failed_jobs_again_and_takes_their_dead_letters_back(oxyq: CommandLine) -> None:
    ended = oxyq("queues", "retry-failed")

    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "campaign: 2 failed jobs run again"
    assert counts(oxyq) == counts(oxyq) | {"waiting": 5, "failed": 0, "dead_letters": 0}


def test_rescue_fails_jobs_whose_worker_is_gone(oxyq: CommandLine, in_app: Callable[..., Any]) -> None:
    async def abandon(app: App) -> None:
        queue = app.queues["message"]
        await queue.add("made", {"organizationId": "org_1"}, job_id="lost-1")
        await app.redis.lrem(queue.keys.wait, 0, "lost-1")
        await app.redis.lpush(queue.keys.active, "lost-1")
        await app.redis.hset(queue.keys.job("lost-1"), "processedOn", str(int(time.time() * 1000) - 61_000))

    in_app(abandon)
    too_young = oxyq("queues", "rescue", "--seconds", "120", "--json")
    ended = oxyq("queues", "rescue", "message")

    assert too_young.json() == {"rescued": {"message": [], "automation": [], "campaign": []}}
    assert ended.out == "message: 1 jobs failed, their workers are gone\n  lost-1\n"
    [letter] = oxyq("dlq", "list", "--json").json()["deadLetters"]
    assert letter["failedReason"].startswith("Timeout: ")

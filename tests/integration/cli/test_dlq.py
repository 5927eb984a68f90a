"""`oxyq dlq`: looking through dead letters and acting on them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from oxyq.app import App
from tests.command_line import CommandLine


@pytest.fixture(autouse=True)
def letters(fail_jobs: Callable[..., None]) -> None:
    """Three dead letters: two of one organization's messages, one of another's automation."""
    fail_jobs("message", "m-1", reason="the gateway is away")
    fail_jobs("message", "m-2", reason="Timeout: not finished within 60 s")
    fail_jobs("automation", "a-1", reason="the gateway is away", organization="org_2")


def ids(oxyq: CommandLine, *filters: str) -> list[str]:
    return [letter["id"] for letter in oxyq("dlq", "list", "--json", *filters).json()["deadLetters"]]


def test_the_list_is_a_table_oldest_first(oxyq: CommandLine) -> None:
    ended = oxyq("dlq", "list")

    assert ended.out.splitlines()[0].startswith("id ")
    assert [(row[0], row[1], row[2], row[5]) for row in ended.rows()] == [
        ("dlq-message-m-1", "exhausted", "org_1", "1"),
        ("dlq-message-m-2", "exhausted", "org_1", "1"),
        ("dlq-automation-a-1", "exhausted", "org_2", "1"),
    ]
    assert ended.out.splitlines()[1].endswith("the gateway is away")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--queue", "automation"], ["dlq-automation-a-1"]),
        (["--org", "org_1"], ["dlq-message-m-1", "dlq-message-m-2"]),
        (["--reason", "TIMEOUT"], ["dlq-message-m-2"]),
        (["--kind", "exhausted", "--org", "org_2"], ["dlq-automation-a-1"]),
        (["--kind", "malformed"], []),
        (["--older-than", "1d"], []),
        (["--limit", "1"], ["dlq-message-m-1"]),
        (["--limit", "0"], ["dlq-message-m-1", "dlq-message-m-2", "dlq-automation-a-1"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else "",
)
def test_filters_narrow_the_list(oxyq: CommandLine, filters: list[str], found: list[str]) -> None:
    assert ids(oxyq, *filters) == found


def test_a_shortened_list_says_so(oxyq: CommandLine) -> None:
    ended = oxyq("dlq", "list", "--limit", "2")

    assert len(ended.rows()) == 2
    assert ended.err == "Warning: only the oldest 2 are shown; see all with --limit 0\n"
    assert oxyq("dlq", "list", "--limit", "2", "--json").json()["more"] is True
    assert oxyq("dlq", "list", "--limit", "3").err == ""


def test_show_tells_the_whole_story(oxyq: CommandLine) -> None:
    ended = oxyq("dlq", "show", "dlq-message-m-1")
    as_json = oxyq("dlq", "show", "dlq-message-m-1", "--json").json()

    facts = dict(line.split(":", 1) for line in ended.out.splitlines()[:10])
    assert facts["job id"].strip() == "m-1"
    assert facts["organization"].strip() == "org_1"
    assert "attempt 1  error the gateway is away" in ended.out
    assert '"text": "Olá m-1"' in ended.out
    assert as_json["originalJobId"] == "m-1"
    assert as_json["attempts"][0]["error"] == "the gateway is away"
    assert as_json["data"] == {"organizationId": "org_1", "text": "Olá m-1"}


@pytest.mark.parametrize("command", ["show", "replay", "purge"])
def test_an_unknown_letter_is_exit_1(oxyq: CommandLine, command: str) -> None:
    yes = ["--yes"] if command == "purge" else []
    ended = oxyq("dlq", command, "dlq-message-nobody", *yes)

    assert ended.code == 1
    assert ended.err == "Error: there is no dead letter 'dlq-message-nobody'; list them with: oxyq dlq list\n"


def test_replay_puts_the_job_back_and_a_second_time_finds_nothing(oxyq: CommandLine) -> None:
    first = oxyq("dlq", "replay", "dlq-message-m-1")
    second = oxyq("dlq", "replay", "dlq-message-m-1")

    assert (first.code, first.out) == (0, "replayed dlq-message-m-1\n1 replayed\n")
    assert second.code == 1
    assert oxyq("queues", "stats", "--json").json()["queues"]["message"]["waiting"] == 1
    assert ids(oxyq) == ["dlq-message-m-2", "dlq-automation-a-1"]


def test_one_unknown_id_among_several_replays_none(oxyq: CommandLine) -> None:
    ended = oxyq("dlq", "replay", "dlq-message-m-1", "dlq-message-nobody")

    assert ended.code == 1
    assert len(ids(oxyq)) == 3


def test_replay_all_that_fit(oxyq: CommandLine) -> None:
    ended = oxyq("dlq", "replay", "--all", "--org", "org_1", "--json")

    assert ended.json() == {"done": ["dlq-message-m-1", "dlq-message-m-2"], "left": [], "dryRun": False}
    assert ids(oxyq) == ["dlq-automation-a-1"]


@pytest.mark.parametrize("command", ["replay", "purge"])
def test_a_dry_run_changes_nothing(oxyq: CommandLine, command: str) -> None:
    ended = oxyq("dlq", command, "--all", "--queue", "message", "--dry-run")

    assert ended.code == 0
    assert len(ended.out.splitlines()) == 3
    assert "would be" in ended.out
    assert len(ids(oxyq)) == 3


def test_replay_with_corrected_data(oxyq: CommandLine, in_app: Callable[..., Any]) -> None:
    corrected = {
        "organizationId": "org_1", "instanceId": "wa_1", "from": "5511999999999@c.us", "content": "Olá",
        "messageId": "msg_1", "timestamp": 1_795_377_084_000,
    }  # fmt: skip
    ended = oxyq("dlq", "replay", "dlq-message-m-1", "--data", "-", stdin=json.dumps(corrected))

    assert ended.code == 0
    job = in_app(lambda app: app.queues["message"].job("m-1"))
    assert job.data == corrected
    assert job.replays[0]["edited"] is True
    assert job.replays[0]["by"].startswith("cli:")


@pytest.mark.parametrize(
    ("data", "told"), [("{}", "organizationId: is missing"), ("[]", "data: must be a JSON object"), ("{", "not JSON")]
)
def test_data_that_could_not_run_is_refused_and_the_letter_stays(oxyq: CommandLine, data: str, told: str) -> None:
    ended = oxyq("dlq", "replay", "dlq-message-m-1", "--data", "-", stdin=data)

    assert ended.code == 1
    assert told in ended.err
    assert len(ids(oxyq)) == 3


def test_what_cannot_be_read_is_left_and_told(oxyq: CommandLine, in_app: Callable[..., Any]) -> None:
    """One unreadable letter does not keep the others from being replayed."""

    async def bury_junk(app: App) -> None:
        body = {"originalQueue": "message", "originalJobId": "junk", "kind": "malformed", "raw": {"data": "{\x1b[2J"},
                "failedReason": "malformed", "failedAt": 1_795_377_084_000}  # fmt: skip
        await app.queues["dead-letter"].add("failed-job", body, job_id="dlq-message-junk")

    in_app(bury_junk)
    ended = oxyq("dlq", "replay", "--all")
    shown = oxyq("dlq", "show", "dlq-message-junk")

    assert ended.code == 1
    assert ended.out.splitlines()[-1] == "3 replayed, 1 left"
    assert ended.err == "Error: dlq-message-junk cannot be read as a job; replay it alone, with --data\n"
    assert "which cannot be read as a job" in shown.out
    assert "\x1b" not in shown.out


def test_purge_throws_away_what_fits(oxyq: CommandLine) -> None:
    ended = oxyq("dlq", "purge", "--all", "--reason", "gateway", "--yes")

    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "2 purged"
    assert ids(oxyq) == ["dlq-message-m-2"]


def test_a_slip_in_a_queues_name_is_told(oxyq: CommandLine) -> None:
    """No error: letters may be of queues that are not ours."""
    ended = oxyq("dlq", "list", "--queue", "mesage", "--json")

    assert ended.code == 0
    assert "no queue of ours is called 'mesage'; did you mean message?" in ended.err

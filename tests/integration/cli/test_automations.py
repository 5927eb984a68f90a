"""`oxyq automations` and `oxyq schedules`: what waits is seen, withdrawn, moved; what repeats is set and removed."""

import json
from typing import Any

import pytest

from oxyq.clock import now_ms
from tests.command_line import CommandLine, Ended

HOUR = 3_600_000
WEEKLY: dict[str, Any] = {
    "id": "weekly",
    "organizationId": "org_1",
    "automation": {"type": "reminder", "recipientNumber": "5511999990001", "content": "Bom dia!"},
    "cron": "0 9 * * 1",
}


@pytest.fixture(autouse=True)
def shop(oxyq: CommandLine) -> None:
    """An organization."""
    oxyq("orgs", "set", "-", stdin=json.dumps({"id": "org_1", "name": "Pet Shop"}))


def enqueue(oxyq: CommandLine, *ids: str) -> int:
    """Add reminders that are due in an hour; returns when."""
    at_ms = now_ms() + HOUR
    entries = [
        {
            "automationId": automation_id, "organizationId": "org_1", "type": "reminder",
            "recipientNumber": "5511999990001", "content": "Segredo", "scheduledFor": at_ms + number * 1000,
            "metadata": {"bookingId": f"booking-{automation_id}"},
        }
        for number, automation_id in enumerate(ids)
    ]  # fmt: skip
    assert oxyq("enqueue", "automation", "-", stdin=json.dumps(entries)).code == 0
    return at_ms


def waits(oxyq: CommandLine) -> list[str]:
    """The ids of what waits."""
    found = oxyq("automations", "list", "--org", "org_1", "--json").json()["automations"]
    return [one["automationId"] for one in found]


def test_what_waits_is_listed_without_what_it_says(oxyq: CommandLine) -> None:
    at_ms = enqueue(oxyq, "first", "second")

    shown = oxyq("automations", "list", "--org", "org_1")
    [first] = oxyq("automations", "list", "--org", "org_1", "--limit", "1", "--json").json()["automations"]

    assert [row[-1] for row in shown.rows()] == ["first", "second"]
    assert "Segredo" not in shown.out
    assert first["dueAt"] == pytest.approx(at_ms, abs=50)
    assert first["metadata"] == {"bookingId": "booking-first"}


def test_withdrawn_by_id_or_by_what_its_metadata_says(oxyq: CommandLine) -> None:
    enqueue(oxyq, "a", "b", "c")

    by_id = oxyq("automations", "withdraw", "--org", "org_1", "--id", "a", "--json")
    by_booking = oxyq("automations", "withdraw", "--org", "org_1", "--metadata", "bookingId=booking-b")
    to_nobody = oxyq("automations", "withdraw", "--org", "org_1", "--id", "c", "--number", "5511999990002", "--json")

    assert by_id.json() == {"removed": 1}
    assert by_booking.out.startswith("withdrawn; 1 taken out of the queue at once")
    assert to_nobody.json() == {"removed": 0}
    assert waits(oxyq) == ["c"]


def test_moved_by_the_organizations_clock_or_from_now(oxyq: CommandLine) -> None:
    enqueue(oxyq, "a")

    moved = oxyq("automations", "reschedule", "a", "--at", "+3h", "--org", "org_1", "--json").json()
    told = oxyq("automations", "reschedule", "a", "--at", "+4h", "--org", "org_1", "--number", "+55 11 99999-0001")

    assert moved["scheduledFor"] == pytest.approx(now_ms() + 3 * HOUR, abs=60_000)
    assert told.out.startswith("a: to 1 recipient at 20")
    assert told.out.endswith("(America/Sao_Paulo)\n")
    assert waits(oxyq) == ["a"]


def test_said_anew_it_need_not_wait(oxyq: CommandLine) -> None:
    anew = {
        "automationId": "a", "organizationId": "org_1", "type": "reminder", "recipientNumber": "5511999990001",
        "content": "Novo",
    }  # fmt: skip

    asked = ("automations", "reschedule", "a", "--at", "+3h", "--org", "org_1", "--from", "-")
    assert oxyq(*asked, stdin=json.dumps(anew)).code == 0
    other = oxyq(*asked, stdin=json.dumps({**anew, "automationId": "b"}))

    assert waits(oxyq) == ["a"]
    assert (other.code, other.err) == (
        1,
        "Error: automationId: is not a, which was asked for; correct one of the two\n",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("automations", "withdraw", "--org", "org_1"), 2, "--id: is missing; give it, or one pair"),
        (("automations", "withdraw", "--org", "org_1", "--metadata", "b"), 2, "--metadata: 'b' has no value"),
        (("automations", "withdraw", "--org", "org_2", "--id", "a"), 1, "there is no organization 'org_2'"),
        (("automations", "list", "--org", "org_2"), 1, "there is no organization 'org_2'"),
        (("automations", "reschedule", "a", "--at", "+1h", "--org", "org_1"), 1, "no automation a waits"),
        (("automations", "reschedule", "a", "--at", "soon", "--org", "org_1"), 2, "'soon' is no time"),
        (("automations", "reschedule", "a", "--at", "2020-01-01T09:00", "--org", "org_1"), 1, "is in the past"),
        (("automations", "reschedule", "a", "--at", "+1h", "--org", "org_1", "--number", "x"), 1, "number: "),
        (("schedules", "list", "--org", "org_2"), 1, "there is no organization 'org_2'"),
        (("schedules", "remove", "weekly", "--org", "org_1"), 1, "there is no schedule weekly; list them with"),
        (("schedules", "run", "weekly", "--org", "org_1"), 1, "there is no schedule weekly"),
    ],
    ids=str,
)
def test_wrong_use_is_told(oxyq: CommandLine, arguments: tuple[str, ...], code: int, complaint: str) -> None:
    ended = oxyq(*arguments)

    assert (ended.code, complaint in ended.err) == (code, True), ended
    assert "Traceback" not in ended.err


def set_schedule(oxyq: CommandLine, *options: str, **change: Any) -> Ended:
    """Store the schedule, changed so."""
    return oxyq("schedules", "set", "-", *options, stdin=json.dumps({**WEEKLY, **change}))


def test_a_schedule_is_set_listed_run_and_removed(oxyq: CommandLine) -> None:
    told = set_schedule(oxyq)
    saved = set_schedule(oxyq, "--json").json()
    listed = oxyq("schedules", "list", "--org", "org_1")
    run = oxyq("schedules", "run", "weekly", "--org", "org_1")
    as_json = oxyq("schedules", "list", "--org", "org_1", "--json").json()
    removed = oxyq("schedules", "remove", "weekly", "--org", "org_1")

    assert told.out.startswith("weekly: saved; it runs next 20")
    assert told.out.endswith(" 09:00:00\n")
    assert (saved["timeZone"], saved["cron"]) == ("America/Sao_Paulo", "0 9 * * 1")
    assert as_json == {"schedules": [saved]}
    assert listed.rows()[0][-2:] == ["5511999990001", "weekly"]
    assert run.out.startswith("auto-")
    assert removed.out == "weekly: removed\n"
    assert oxyq("schedules", "list", "--org", "org_1").rows() == []
    assert waits(oxyq) == []


def test_a_wrong_schedule_names_the_field(oxyq: CommandLine) -> None:
    ended = set_schedule(oxyq, cron="every monday")

    assert ended.code == 1
    assert ended.err.startswith("Error: cron: must have five fields")

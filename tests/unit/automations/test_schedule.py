"""What a schedule may say."""

from typing import Any

import pytest

from oxyq.automations.schedule import Schedule
from oxyq.errors import InvalidPayload
from oxyq.jobs import parse_new, parse_stored, wire

WEEKLY: dict[str, Any] = {
    "id": "weekly",
    "organizationId": "org_1",
    "automation": {"type": "reminder", "recipientNumber": "5511999990001", "content": "Olá"},
    "cron": "0 9 * * 1",
}


def test_the_automation_gets_the_schedules_id_and_organization() -> None:
    schedule = parse_new(Schedule, WEEKLY)

    assert (schedule.automation.automation_id, schedule.automation.organization_id) == ("weekly", "org_1")
    assert parse_stored(Schedule, wire(schedule)) == schedule
    assert parse_new(Schedule, wire(schedule)) == schedule


def test_it_may_have_an_id_of_its_own() -> None:
    schedule = parse_new(Schedule, {**WEEKLY, "automation": {**WEEKLY["automation"], "automationId": "a"}})

    assert schedule.automation.automation_id == "a"


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"cron": None}, "cron", "or everySeconds must be given, and only one"),
        ({"everySeconds": 3600}, "cron", "or everySeconds must be given, and only one"),
        ({"cron": "* * * * * *"}, "cron", "must have five fields"),
        ({"cron": "@daily"}, "cron", "must have five fields"),
        ({"cron": "R 9 * * *"}, "cron", "leave the time to chance"),
        ({"cron": "0 h(1-5) * * thu"}, "cron", "leave the time to chance"),
        ({"cron": None, "everySeconds": 59}, "everySeconds", "must be 60 or more"),
        ({"cron": None, "everySeconds": 60, "timeZone": "UTC"}, "timeZone", "is for cron only"),
        ({"limit": 0}, "limit", "must be 1 or more"),
        ({"startsAt": 1_795_377_084}, "startsAt", "looks like seconds"),
        ({"startsAt": 1_795_377_084_000, "endsAt": 1_795_377_084_000}, "endsAt", "must be after startsAt"),
        ({"automation": {"organizationId": "org_2"}}, "automation.organizationId", "is not the schedule's"),
        ({"automation": {"scheduledFor": 1_795_377_084_000}}, "automation.scheduledFor", "is said by the schedule"),
        ({"automation": {"content": ""}}, "automation.content", "must not be blank"),
        ({"automation": {"contents": "x"}}, "automation.contents", "did you mean content?"),
        ({"automation": None}, "automation", "must be an object"),
        ({"organizationId": None}, "organizationId", "must be text"),
        ({"crom": "0 9 * * *"}, "crom", "did you mean cron?"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], field: str, problem: str) -> None:
    automation = change.get("automation", {})
    changed = {**WEEKLY, **change, "automation": automation and {**WEEKLY["automation"], **automation}}
    if automation == {}:
        changed["automation"] = WEEKLY["automation"]

    with pytest.raises(InvalidPayload) as refused:
        parse_new(Schedule, changed)

    assert refused.value.field == field
    assert problem in refused.value.problem

"""When an automation is too late: by its time, its grace, quiet hours, and what kept it waiting."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oxyq.automations.lateness import due_ms, late_ms
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.jobs import Automation, parse_new
from oxyq.organizations import Organization
from oxyq.sending_hours import COMMERCIAL

OPEN = Organization(id="org_1", name="Pet Shop")
SHOP = Organization(id="org_1", name="Pet Shop", sending_hours=COMMERCIAL)
MINUTE, HOUR = 60_000, 3_600_000


def at(text: str) -> int:
    """A time in São Paulo, in ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Sao_Paulo")).timestamp() * 1000)


MONDAY_TEN = at("2026-12-07T10:00")


def automation(**fields: Any) -> Automation:
    """A reminder."""
    known = {
        "automation_id": "a", "organization_id": "org_1", "type": "reminder", "recipient_number": "5511999990001",
        "content": "Lembrete",
    }  # fmt: skip
    return parse_new(Automation, {**known, **fields})


def job(added_ms: int, delay_ms: int = 0, *, taken: int = 1, failed: int = 0, died: int = 0) -> Job:
    """A job as a worker has it, taken so often in all."""
    options = {"delay": delay_ms} if delay_ms else {}
    fields = {
        b"name": b"automation", b"data": b"{}", b"opts": json.dumps(options).encode(),
        b"timestamp": b"%d" % added_ms, b"ats": b"%d" % taken, b"atm": b"%d" % failed, b"stc": b"%d" % died,
    }  # fmt: skip
    return Job(RawJob("j", "t", fields), "automation", None)


@pytest.mark.parametrize(
    ("scheduled_for", "delay_ms", "due"),
    [
        (None, 0, 0),
        (None, HOUR, HOUR),
        (2 * HOUR, 0, 2 * HOUR),
        (2 * HOUR, 2 * HOUR, 2 * HOUR),
        (2 * HOUR, HOUR, HOUR),  # the delay goes before, as for whoever added it
        (-HOUR, 0, 0),  # asked for after its time: now is when it was asked for
    ],
)
def test_it_is_due_when_it_was_asked_for(scheduled_for: int | None, delay_ms: int, due: int) -> None:
    time = None if scheduled_for is None else MONDAY_TEN + scheduled_for

    assert due_ms(automation(scheduled_for=time), job(MONDAY_TEN, delay_ms)) == MONDAY_TEN + due


@pytest.mark.parametrize(
    ("grace_minutes", "late", "is_late"),
    [
        (None, 6 * HOUR, False),
        (None, 6 * HOUR + 1, True),
        (30, 30 * MINUTE, False),
        (30, 30 * MINUTE + 1, True),
        (0, MINUTE, False),  # workers need a moment
        (0, MINUTE + 1, True),
        (24 * 60, 24 * HOUR, False),
    ],
)
def test_it_may_be_so_late(grace_minutes: int | None, late: int, is_late: bool) -> None:
    one = automation(grace_minutes=grace_minutes)

    assert late_ms(one, OPEN, job(MONDAY_TEN), MONDAY_TEN + late) == (late if is_late else None)


def test_quiet_hours_are_no_lateness() -> None:
    """Due on Friday night: it is in time on Saturday at nine, and late as if it had been due then."""
    friday_night, saturday_nine = at("2026-12-04T22:00"), at("2026-12-05T09:00")
    reminder, code = automation(grace_minutes=60), automation(grace_minutes=60, transactional=True)

    assert late_ms(reminder, SHOP, job(friday_night), saturday_nine + HOUR) is None
    assert late_ms(reminder, SHOP, job(friday_night), saturday_nine + HOUR + 1) == HOUR + 1
    assert late_ms(code, SHOP, job(friday_night), saturday_nine) == 11 * HOUR


@pytest.mark.parametrize(
    ("taken", "failed", "died", "was_put_off"),
    [(1, 0, 0, False), (2, 1, 0, False), (2, 0, 1, False), (3, 1, 1, False), (2, 0, 0, True), (4, 1, 1, True)],
)
def test_what_a_limit_put_off_has_a_day_more_and_what_failed_has_not(
    taken: int, failed: int, died: int, was_put_off: bool
) -> None:
    """A number's budget for the day keeps it until tomorrow; but not what the workers' own absence did."""
    met = job(MONDAY_TEN, taken=taken, failed=failed, died=died)

    assert (late_ms(automation(), OPEN, met, MONDAY_TEN + 20 * HOUR) is None) == was_put_off
    assert late_ms(automation(), OPEN, met, MONDAY_TEN + 20 * HOUR, limits_count=True) == 20 * HOUR
    assert late_ms(automation(), OPEN, met, MONDAY_TEN + 25 * HOUR) == 25 * HOUR

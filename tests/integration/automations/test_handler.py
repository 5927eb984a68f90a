"""An automation whose time has come: sent in time, put off at night, and not sent when nobody wants it any more."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oxyq.automations.selection import Selection
from oxyq.clock import now_ms
from oxyq.gateways.base import NotReady
from oxyq.gateways.outbound import Outbound, Receipt
from oxyq.limits import RateLimit
from oxyq.organizations import Organization
from oxyq.outcomes import Done, Later, Outcome
from oxyq.sending_hours import COMMERCIAL
from tests.integration.automations.conftest import ANA, BIA, ORG, Desk

HOUR = 3_600_000
SHOP = Organization(id=ORG.id, name="Pet Shop", instances=["wa_1"], sending_hours=COMMERCIAL)


def status(outcome: Outcome) -> Any:
    """What is recorded of it."""
    assert isinstance(outcome, Done)
    assert isinstance(outcome.value, dict)
    return outcome.value["status"]


def ahead_to(hour: int, weekday: int) -> int:
    """How many ms ahead the next such hour of such a day is in São Paulo, a few weeks on, on no holiday."""
    now = now_ms()
    for hours in range(24, 24 * 60):
        at_ms = (now // HOUR + hours) * HOUR
        at = datetime.fromtimestamp(at_ms / 1000, ZoneInfo("America/Sao_Paulo"))
        if (at.hour, at.weekday(), at.month) == (hour, weekday, at.month) and (at.month, at.day) not in _DAYS_OFF:
            return at_ms - now
    raise AssertionError


_DAYS_OFF = {(12, 25), (1, 1), (11, 20), (11, 15), (11, 2), (10, 12), (9, 7), (5, 1), (4, 21)}


async def test_in_time_it_is_sent_once(desk: Desk) -> None:
    await desk.add(delay_ms=HOUR)
    desk.ahead_ms = HOUR

    assert status(await desk.run()) == "sent"
    assert desk.phones.texts == ["Lembrete a"]


async def test_without_a_delay_it_waits_for_its_time(desk: Desk) -> None:
    """As a Node producer may add it."""
    due = now_ms() + HOUR
    automation = {
        "automationId": "a", "organizationId": ORG.id, "type": "reminder", "recipientNumber": ANA,
        "content": "Lembrete", "scheduledFor": due,
    }  # fmt: skip
    await desk.queue.add("automation", automation)  # type: ignore[arg-type]

    assert await desk.run() == Later(due, "not due yet")
    desk.ahead_ms = HOUR
    assert status(await desk.run()) == "sent"


@pytest.mark.parametrize(("late_hours", "said"), [(5, "sent"), (7, "expired")])
async def test_missed_while_all_workers_were_down(desk: Desk, late_hours: int, said: str) -> None:
    await desk.add(scheduledFor=now_ms() + HOUR)
    desk.ahead_ms = (1 + late_hours) * HOUR

    outcome = await desk.run()

    assert status(outcome) == said
    assert len(desk.phones.texts) == (1 if said == "sent" else 0)
    if said == "expired":
        assert isinstance(outcome, Done)
        assert outcome.value == {"status": "expired", "lateSeconds": pytest.approx(late_hours * 3600, abs=5)}


async def test_its_own_grace_goes_before(desk: Desk) -> None:
    await desk.add("short", delay_ms=HOUR, graceMinutes=30)
    desk.ahead_ms = 2 * HOUR

    assert status(await desk.run()) == "expired"


async def test_at_night_it_waits_for_the_morning_and_is_not_late_then(desk: Desk) -> None:
    """Due on Saturday at 23 with half an hour of grace: on Monday at nine it goes out."""
    desk.organization = SHOP
    saturday = ahead_to(23, weekday=5)
    await desk.add(delay_ms=saturday, graceMinutes=30)
    desk.ahead_ms = saturday

    put_off = await desk.run()

    assert isinstance(put_off, Later)
    assert put_off.reason == "quiet hours"
    opens = datetime.fromtimestamp(put_off.at_ms / 1000, ZoneInfo("America/Sao_Paulo"))
    assert (opens.hour, opens.minute) == (9, 0)
    assert desk.phones.texts == []
    desk.ahead_ms = put_off.at_ms - now_ms() + 1000
    assert status(await desk.run()) == "sent"


async def test_the_recipients_clock_counts(desk: Desk) -> None:
    """At nine in São Paulo it is eight in Manaus."""
    desk.organization = SHOP
    tuesday = ahead_to(9, weekday=1)
    desk.ahead_ms = tuesday
    await desk.add("manaus", recipientNumber="5592999990001", delay_ms=tuesday)

    put_off = await desk.run()

    assert isinstance(put_off, Later)
    assert put_off.at_ms == pytest.approx(now_ms() + tuesday + HOUR, abs=5000)


async def test_what_a_person_waits_for_goes_out_at_night_too(desk: Desk) -> None:
    desk.organization = SHOP
    desk.ahead_ms = saturday = ahead_to(23, weekday=5)
    await desk.add(delay_ms=saturday, transactional=True)

    assert status(await desk.run()) == "sent"


@pytest.mark.parametrize("type_", ["follow_up", "follow-up"])
async def test_a_follow_up_is_dropped_once_the_contact_has_written(desk: Desk, type_: str) -> None:
    await desk.wrote(ANA, now_ms() - 1000)  # what it follows
    for automation_id, number in (("to-ana", ANA), ("to-bia", BIA)):
        await desk.add(automation_id, type=type_, recipientNumber=number, delay_ms=HOUR)
    desk.ahead_ms = HOUR
    await desk.wrote(ANA, now_ms() + 60_000)

    assert [status(await desk.run()), status(await desk.run())] == ["answered", "sent"]
    assert desk.phones.texts == ["Lembrete to-bia"]


async def test_what_the_contact_wrote_before_answers_nothing(desk: Desk) -> None:
    await desk.wrote(ANA, now_ms() - 1)
    await desk.add(type="follow_up", delay_ms=HOUR)
    desk.ahead_ms = HOUR

    assert status(await desk.run()) == "sent"


async def test_a_reminder_goes_out_though_the_contact_has_written(desk: Desk) -> None:
    await desk.add(delay_ms=HOUR)
    await desk.wrote(ANA, now_ms() + 60_000)
    desk.ahead_ms = HOUR

    assert status(await desk.run()) == "sent"


async def test_withdrawn_at_night_it_is_told_at_once_and_not_in_the_morning(desk: Desk) -> None:
    desk.organization = SHOP
    desk.ahead_ms = saturday = ahead_to(23, weekday=5)
    await desk.add(delay_ms=saturday)
    await desk.withdrawals.withdraw(ORG.id, Selection(automation_id="a"))

    assert status(await desk.run()) == "withdrawn"


async def test_a_number_that_is_offline_for_longer_than_the_grace_lets_it_expire(desk: Desk) -> None:
    """It is tried again and again without using up its attempts, as long as it still makes sense."""

    async def offline(message: Outbound) -> Receipt:
        tried.append(message.recipient)
        raise NotReady("the number is not connected", 0.001)

    desk.phones.send = offline  # type: ignore[method-assign]
    tried = list[str]()
    await desk.add(delay_ms=HOUR)
    for desk.ahead_ms in (HOUR, 3 * HOUR):
        put_off = await desk.run()
        assert isinstance(put_off, Later)
        assert put_off.reason == "the number is not connected"

    desk.ahead_ms = 8 * HOUR
    assert status(await desk.run()) == "expired"
    assert len(tried) == 3


async def test_a_limit_that_keeps_it_waiting_does_not_make_it_late(desk: Desk) -> None:
    """A number's budget for the day was used up; the next morning it goes out."""
    desk.organization = ORG.model_copy(update={"rate": RateLimit(max=1, per_seconds=86_400)})
    await desk.add("first")
    assert status(await desk.run()) == "sent"
    await desk.add("second", recipientNumber=BIA)
    assert isinstance(await desk.run(), Later)

    desk.organization = ORG
    desk.ahead_ms = 20 * HOUR
    assert status(await desk.run()) == "sent"
    assert desk.phones.texts == ["Lembrete first", "Lembrete second"]

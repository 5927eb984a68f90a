"""Somebody has had enough of campaigns, says so, and later comes back."""

import time

import pytest

from oxyq.app import App
from oxyq.replies import opt_out
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended

TIRED, OTHER = "5511950000000", "5511950010000"


@pytest.mark.timeout(120)
async def test_who_says_sair_gets_no_more_campaigns_until_he_says_voltar(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given two people of whom one has had enough after the first campaign
    start_oxyq("workers", "message")
    planner = start_oxyq("workers", "campaign")
    await _campaign(app, "first")
    await whatsapp.until(2)
    await _writes(app, TIRED, "Sair!")
    assert (await whatsapp.until(3))[2].text == opt_out.CONFIRMED_OUT

    # When he says it again, and two more campaigns come: one planned after he left, one before
    await _writes(app, TIRED, "SAIR")
    await _campaign(app, "second")
    received = await whatsapp.until(4)
    assert [message.to for message in received[3:]] == [OTHER]
    counts = await campaign_ended(app, "second", 2)
    assert (counts.sent, counts.skipped) == (1, {"opted_out": 1})
    planner.popen.terminate()
    await planner.ended()
    assert await app.contacts.opt_in(ORGANIZATION, TIRED, source="test")
    await _campaign(app, "third")
    sends = start_oxyq("workers", "campaign", OXYQ_CAMPAIGN_RATE="1/2")
    await whatsapp.until(5)
    await app.contacts.opt_out(ORGANIZATION, TIRED, source="test-2")
    await app.contacts.opt_out(ORGANIZATION, OTHER, source="test-2")
    counts = await campaign_ended(app, "third", 2)

    # Then whoever had not been sent to when he left is left alone
    assert counts.sent + counts.skipped["opted_out"] == 2
    assert counts.skipped["opted_out"] >= 1
    before = len(whatsapp.received)

    # And who comes back is reached again
    sends.popen.terminate()
    await sends.ended()
    start_oxyq("workers", "campaign")
    await _writes(app, TIRED, "voltar")
    assert (await whatsapp.until(before + 1))[before].text == opt_out.CONFIRMED_IN
    await _campaign(app, "fourth")
    assert (await whatsapp.until(before + 2))[before + 1].to == TIRED


@pytest.mark.timeout(60)
async def test_cancelar_is_asked_about_unless_a_campaign_has_just_come(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    start_oxyq("workers", "message")

    await _writes(app, TIRED, "Cancelar")
    assert (await whatsapp.until(1))[0].text == opt_out.WHICH_ONE
    await app.contacts.reached(ORGANIZATION, TIRED)
    await _writes(app, TIRED, "cancelar")

    assert (await whatsapp.until(2))[1].text == opt_out.CONFIRMED_OUT
    assert await app.contacts.opted_out(ORGANIZATION, [TIRED]) == {TIRED}


async def _writes(app: App, number: str, text: str) -> None:
    now_ms = int(time.time() * 1000)
    await app.producer.add_message_job(
        organization_id=ORGANIZATION, instance_id="wa_demo", sender=number, content=text,
        message_id=f"in-{time.monotonic_ns()}", timestamp=now_ms,
    )  # fmt: skip


async def _campaign(app: App, name: str) -> None:
    await app.producer.add_campaign_job(
        campaign_id=name, organization_id=ORGANIZATION, template="Novidades!", recipients=[TIRED, OTHER],
    )  # fmt: skip

"""An organization is paused: nothing of it goes out, nothing is lost, and all goes on by itself when it is resumed."""

from oxyq.app import Workers
from oxyq.conversations.store import Place
from oxyq.operating.organizations import OrganizationControl
from tests.integration.conversations.conftest import ANA, BIA, Shop


async def _pause(shop: Shop) -> OrganizationControl:
    control = OrganizationControl(shop.app.organizations)
    await control.pause(shop.organization.id)
    return control


def _held(shop: Shop, count: int) -> bool:
    return sum(event.outcome == "later" and event.detail == "paused" for event in shop.handled) >= count


async def test_who_writes_meanwhile_is_answered_once_when_it_is_resumed(shop: Shop) -> None:
    organization = await shop.open()
    control = await _pause(shop)
    job = await shop.hears("quanto custa?")
    await shop.until(lambda: _held(shop, 1))

    # People see what waits, and no model was asked.
    chat = await shop.app.conversations.chat(Place(organization.id, "wa_demo", ANA))
    assert chat is not None
    [message] = await shop.app.transcripts.of(chat)
    assert (message.text, message.status, message.job_id) == ("quanto custa?", "unanswered", job)
    assert shop.sent == [] and shop.ai.asked == []

    await control.resume(organization.id)
    assert await shop.until_told(ANA) == ["quanto custa?"]  # the scripted model says it back
    assert (await shop.until_ended(job))["status"] == "sent"
    record = await shop.app.queues["message"].job(job)
    assert record is not None and record.attempts_made <= 1


async def test_who_wants_out_is_out_at_once(shop: Shop) -> None:
    organization = await shop.open()
    await _pause(shop)
    await shop.hears("SAIR")
    await shop.until(lambda: _held(shop, 1))

    assert await shop.app.contacts.opted_out(organization.id, [ANA]) == {ANA}
    assert shop.sent == []


async def test_a_reminder_that_is_due_waits_for_the_next_process_too(shop: Shop) -> None:
    """Given the process that held it is gone; when another starts after it was resumed, then it goes out at once."""
    organization = await shop.open()
    control = await _pause(shop)
    await shop.app.producer.add_automation_job(
        automation_id="a1", organization_id=organization.id, type="reminder", recipient_number=BIA, content="Amanhã!"
    )
    await shop.until(lambda: _held(shop, 1))
    await shop.stop()
    assert shop.sent == []

    await control.resume(organization.id)
    await shop.start()

    assert await shop.until_told(BIA) == ["Amanhã!"]


async def test_a_campaign_is_planned_and_waits_with_the_reason(shop: Shop) -> None:
    organization = await shop.open()
    control = await _pause(shop)
    campaigns: Workers = shop.app.workers(["campaign"])
    await campaigns.start()
    try:
        await shop.app.producer.add_campaign_job(
            campaign_id="c1", organization_id=organization.id, template="Promoção!", recipients=[ANA, BIA]
        )
        await shop.until(lambda: _held(shop, 1))
        campaign = await shop.app.campaign_control.find(organization.id, "c1")
        paused = await shop.app.organizations.get(organization.id)
        assert paused is not None
        told = await shop.app.campaign_overview.of(campaign, paused)
        assert (told["state"], told["waitsFor"], told["waitsUntil"], told["endsAt"]) == (
            "running",
            "paused",
            None,
            None,
        )
        assert shop.sent == []

        await control.resume(organization.id)
        assert await shop.until_told(ANA) == await shop.until_told(BIA) == ["Promoção!"]
    finally:
        await campaigns.stop(5)


async def test_others_go_on(shop: Shop) -> None:
    organization = await shop.open()
    other = organization.model_copy(update={"id": "org_other", "instances": ["wa_other"]})
    await shop.app.organizations.save(other)
    await _pause(shop)

    await shop.app.producer.add_automation_job(
        automation_id="a1", organization_id=other.id, type="reminder", recipient_number=BIA, content="Olá!"
    )

    assert await shop.until_told(BIA) == ["Olá!"]

"""A campaign by a template that Meta approved: its parameters are frozen with the text, and go out where they can."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio

from oxyq.campaigns.eta import Pace
from oxyq.campaigns.intake import CampaignIntake
from oxyq.campaigns.preview import Previewing, Shown
from oxyq.campaigns.report import report
from oxyq.campaigns.rows import PlannedRow
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.errors import IdConflict, InvalidPayload
from oxyq.jobs import send_job_id
from oxyq.outcomes import JsonValue
from tests.integration.campaigns.at_meta import SHOP, AtMeta, at_meta
from tests.integration.campaigns.conftest import ORG, Desk, content, numbers
from tests.integration.engine.journal import eventually

ANA, BIA, NEEDS_TEMPLATE = "5511970000001", "5511970000002", "5511970009909"
PROMO: dict[str, object] = {"name": "promo_banho", "language": "pt_BR", "parameters": ["{{nome}}", "{{animal|bicho}}"]}
PEOPLE: list[object] = [
    {"number": ANA, "variables": {"nome": "Ana", "animal": "Rex"}},
    {"number": BIA, "variables": {"nome": "Bia"}},
]


async def planned_rows(desk: Desk) -> list[PlannedRow]:
    """The whole plan."""
    return [row async for _, _, rows in desk.store.planned(await desk.campaign()) for row in rows]


async def released(desk: Desk, number: str, again: int = 0) -> JsonValue:
    """The template in the send of this person, as it lies in the queue."""
    [job] = await desk.queue.records([send_job_id(ORG.id, "c", number, 0, again)])
    assert job is not None
    assert isinstance(job.data, dict)
    return job.data.get("metaTemplate")


# --- taken in, planned, released --------------------------------------------------------------------------------


async def test_parameters_are_frozen_with_the_text_and_go_into_each_send(desk: Desk) -> None:
    await desk.make(PEOPLE, template="Oi {{nome}}!", metaTemplate=PROMO)
    await desk.plan()
    await desk.release_some()

    assert await planned_rows(desk) == [
        PlannedRow(0, ANA, "Oi Ana!", ("Ana", "Rex")),
        PlannedRow(1, BIA, "Oi Bia!", ("Bia", "bicho")),
    ]
    assert await released(desk, ANA) == {"name": "promo_banho", "language": "pt_BR", "parameters": ["Ana", "Rex"]}
    assert await released(desk, BIA) == {"name": "promo_banho", "language": "pt_BR", "parameters": ["Bia", "bicho"]}


async def test_asked_for_again_it_is_the_same_template(desk: Desk) -> None:
    """For whom it failed gets what was planned; also a pause in between changes nothing."""
    await desk.make(PEOPLE, template="Oi {{nome}}!", metaTemplate=PROMO)
    await desk.plan()
    await desk.release_some()
    await desk.control.pause(ORG.id, "c")
    await desk.control.resume(ORG.id, "c")
    await desk.plan_on()
    await desk.release_some()
    assert await released(desk, BIA) == {"name": "promo_banho", "language": "pt_BR", "parameters": ["Bia", "bicho"]}
    for number, status in ((ANA, "sent"), (BIA, "failed")):
        await desk.store.note(ORG.id, "c", number, status, job_id=send_job_id(ORG.id, "c", number))  # type: ignore[arg-type]

    await desk.control.resend_failed(ORG.id, "c")
    await desk.plan_on()
    await desk.release_some()

    assert await released(desk, BIA, again=1) == {
        "name": "promo_banho", "language": "pt_BR", "parameters": ["Bia", "bicho"],
    }  # fmt: skip


async def test_a_template_without_parameters_goes_out_all_the_same(desk: Desk) -> None:
    await desk.make([ANA], metaTemplate={"name": "promo_banho", "language": "pt_BR"})
    await desk.plan()
    await desk.release_some()

    assert await planned_rows(desk) == [PlannedRow(0, ANA, "Olá!")]
    assert await released(desk, ANA) == {"name": "promo_banho", "language": "pt_BR", "parameters": []}


async def test_without_a_template_a_send_says_nothing_of_one(desk: Desk) -> None:
    await desk.make([ANA])
    await desk.plan()
    await desk.release_some()

    assert await released(desk, ANA) is None


async def test_choices_of_two_parameters_are_made_on_their_own(desk: Desk) -> None:
    await desk.make(numbers(200), metaTemplate={**PROMO, "parameters": ["{a|b}", "{c|d}"]})
    await desk.plan()

    assert {row.parameters for row in await planned_rows(desk)} == {("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")}


@pytest.mark.parametrize(
    "other",
    [
        None,
        {**PROMO, "name": "promo_tosa"},
        {**PROMO, "language": "en"},
        {**PROMO, "parameters": ["{{nome}}", "{{animal|amigo}}"]},
    ],
    ids=["none", "name", "language", "parameters"],
)
async def test_with_another_template_it_is_another_campaign(desk: Desk, other: dict[str, object] | None) -> None:
    await desk.make(PEOPLE, template="Oi {{nome}}!", metaTemplate=PROMO)
    await desk.make(PEOPLE, template="Oi {{nome}}!", metaTemplate=PROMO)

    with pytest.raises(IdConflict):
        await desk.make(PEOPLE, template="Oi {{nome}}!", metaTemplate=other)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({}, r"parameters\[0\]: \{\{nome\}\} has no value for recipient \+55 11"),
        ({"nome": " "}, r"parameters\[0\]: as rendered for recipient \+55 11 .*, is blank, which Meta refuses; write"),
        ({"nome": "Ana\nMaria"}, r"parameters\[0\]: .* has a line break or a tab, which Meta refuses; write it on one"),
        ({"nome": "Ana", "animal": "a     b"}, r"parameters\[1\]: .* has more than 4 spaces in a row, which Meta"),
        ({"nome": "A" * 4000, "animal": "b" * 97}, r"parameters: .* have 4097 characters together; at most 4096"),
    ],
    ids=["missing", "blank", "lines", "spaces", "long"],
)
async def test_a_recipient_whom_meta_would_refuse_is_told_before_anything_is_sent(
    desk: Desk, redis_client: "redis.asyncio.Redis", prefix: str, variables: dict[str, str], problem: str
) -> None:
    """When it is taken in, and in a look at it beforehand."""
    said = content(metaTemplate=PROMO)
    rows = [(ANA, {"nome": "Ana"}), ("+55 11 97000-0002", variables)]

    with pytest.raises(InvalidPayload, match=f"metaTemplate.{problem}"):
        await (await CampaignIntake(desk.store).open(said)).add(rows)
    with pytest.raises(InvalidPayload, match=f"metaTemplate.{problem}"):
        await Previewing(said, ORG, ContactStore(redis_client, prefix=prefix)).add(rows)
    assert not (await desk.campaign()).is_uploaded


async def test_a_look_beforehand_shows_what_fills_the_template(
    redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    previewing = Previewing(content("Oi {{nome}}!", metaTemplate=PROMO), ORG, ContactStore(redis_client, prefix=prefix))
    await previewing.add([(ANA, {"nome": "Ana"})])

    assert previewing.finish(Pace(), now_ms()).texts == [Shown(ANA, "Oi Ana!", ("Ana", "bicho"))]


# --- sent -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def rig(redis_url: str, prefix: str, tmp_path: Path) -> AsyncIterator[AtMeta]:
    """Workers with a number at Meta and one at Evolution."""
    async with at_meta(redis_url, prefix, tmp_path) as rig:
        yield rig


async def send(rig: AtMeta, recipients: list[object], **more: object) -> dict[str, str | None]:
    """Send a campaign to its end; gives the reasons in its report, by number."""
    await rig.app.producer.add_campaign_job(
        campaign_id="sale", organization_id=SHOP.id, template="Oi {{nome|você}}!", recipients=recipients, **more
    )
    await rig.until_ended()
    campaign = await rig.app.campaign_control.find(SHOP.id, "sale")
    lines = [
        json.loads(line)
        async for piece in report(rig.app.campaigns, campaign, "ndjson")
        for line in piece.split("\n")
        if line
    ]
    return {line["number"]: line["reason"] for line in lines}


async def test_by_the_cloud_api_the_template_goes_out(rig: AtMeta) -> None:
    assert await send(rig, PEOPLE, metaTemplate=PROMO) == {ANA: None, BIA: None}

    assert sorted(rig.at_cloud()) == [
        (ANA, "template", "promo_banho Ana Rex"),
        (BIA, "template", "promo_banho Bia bicho"),
    ]


async def test_by_a_gateway_without_templates_the_text_goes_out(rig: AtMeta) -> None:
    await send(rig, PEOPLE[:1], metaTemplate=PROMO, instance_id="wa_evolution")

    assert [(one.to, one.text) for one in rig.evolution.received] == [(ANA, "Oi Ana!")]
    assert rig.at_cloud() == []


async def test_who_wants_a_template_and_gets_a_text_is_told_so_in_the_report(rig: AtMeta) -> None:
    reasons = await send(rig, [NEEDS_TEMPLATE])

    reason = reasons[NEEDS_TEMPLATE] or ""
    assert "131047" in reason
    assert "outside 24 hours only an approved template may be sent: give metaTemplate" in reason


async def test_who_has_told_whatsapp_to_stop_marketing_is_left_out_from_now_on(rig: AtMeta) -> None:
    stopped = "5511970009910"

    await send(rig, [{"number": stopped, "variables": {"nome": "Caio"}}], metaTemplate=PROMO)

    assert await rig.app.contacts.opted_out(SHOP.id, [stopped]) == {stopped}
    campaign = (await rig.app.campaigns.latest(SHOP.id))[0]
    assert (campaign.statuses["opted_out"], campaign.statuses["failed"]) == (1, 0)
    assert await rig.app.dead_letters.count() == 0


async def test_a_reminder_may_be_a_template_too(rig: AtMeta) -> None:
    """By the Cloud API it is, by the other number it is its text."""
    reminder = {
        "organizationId": SHOP.id, "type": "reminder", "recipientNumber": ANA, "content": "Lembrete: banho às 10h",
        "transactional": True,
        "metaTemplate": {"name": "lembrete", "language": "pt_BR", "parameters": ["Ana", "{{10h}}"]},
    }  # fmt: skip
    for instance_id in ("wa_meta", "wa_evolution"):
        await rig.app.producer.add_automation_job(reminder, automation_id=instance_id, instance_id=instance_id)

    async def sent() -> list[str]:
        return [one.text for one in (*rig.cloud.received, *rig.evolution.received)]

    await eventually(sent, ["lembrete Ana {{10h}}", "Lembrete: banho às 10h"])

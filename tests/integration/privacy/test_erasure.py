"""Who is erased is nowhere any more; nobody else has changed, and no count."""

import asyncio
import re

import pytest
import redis

from oxyq.app import App
from oxyq.campaigns.rows import PlannedRow
from oxyq.engine import Job, Worker
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.jobs import CampaignRequest, parse_new
from oxyq.organizations import Organization
from oxyq.privacy.finding import Finding, Subject
from oxyq.privacy.person import ERASED
from oxyq.privacy.receipt import Receipt
from oxyq.privacy.treating import Treating
from tests.integration.engine.journal import eventually
from tests.integration.privacy import dump, world
from tests.integration.privacy.world import ANA, ANA_BEFORE, LID, OTHER
from tests.redis_server import RedisServer

#: The number in all spellings, the hidden id, the name, and words that were said to or by nobody else.
TRACES = re.compile(
    rb"5511987654321|551187654321|(?<!\d)119?87654321(?!\d)|271828182845904|\(11\) ?9?8765-?4321|11 9?8765-4321"
    rb"|Ana Clara|Ol\xc3\xa1 Ana|e agora\?|j\xc3\xa1 vai|Banho hoje|Vacina"
)
SHARED = re.compile(r":(events|wait|delayed|completed|failed|meta|marker|prioritized|id|next|statistics.*|worker.*)$")


def traces(server: RedisServer) -> list[tuple[str, bytes]]:
    """Where something of the person stands, in whatever form."""
    return [
        (name, stored[:200])
        for name, stored in dump.everything(server.url)
        if any(TRACES.search(form) for form in dump.forms(stored))
    ]


def dumped(server: RedisServer) -> dict[bytes, object]:
    """All keys that only one organization writes, with what stands in them."""
    with redis.Redis.from_url(server.url) as client:
        keys = [name for name in client.scan_iter() if not SHARED.search(name.decode())]
        return {name: sorted(dump.parts(client, name)) for name in keys}


async def erase(app: App, *, patience_seconds: float = 20, forget_opt_out: bool = False) -> Receipt:
    return await app.erasure.erase(
        "org_1", f"+{ANA}", by="dpo", door="cli", sees_all=True, patience_seconds=patience_seconds,
        forget_opt_out=forget_opt_out,
    )  # fmt: skip


@pytest.fixture
async def full(app: App) -> App:
    """The person is everywhere, at one organization; no worker runs any more."""
    await world.organizations(app)
    workers = app.workers()
    await workers.start()
    await world.everywhere(app, "org_1", "wa_1")
    await workers.stop(5)
    return app


async def test_nothing_is_left_in_redis_nor_on_its_disk(full: App, own_redis: RedisServer) -> None:
    places = {name for name, _ in traces(own_redis)}
    assert len(places) > 40, "given: the person is everywhere"

    receipt = await erase(full)

    assert traces(own_redis) == []
    assert receipt.is_complete
    # What is others' is there, without the number
    place = await full.take_over.place("org_1", "wa_1", OTHER)
    assert [line.text for line in await full.conversations.history(place)][:1] == [f"A Ana é {ERASED}"]
    with redis.Redis.from_url(own_redis.url) as client:
        client.config_set("rdbcompression", "no")
        client.save()
        client.bgrewriteaof()
        await eventually(lambda: _is_rewriting(client), False)
    on_disk = {name: TRACES.findall(stored) for name, stored in dump.files(own_redis.folder)}
    assert on_disk and not any(on_disk.values()), on_disk


async def test_of_another_organization_nothing_changes(app: App, own_redis: RedisServer) -> None:
    await world.organizations(app)
    workers = app.workers()
    await workers.start()
    await world.everywhere(app, "org_1", "wa_1")
    ours = dumped(own_redis).keys()
    await world.everywhere(app, "org_2", "wa_2")
    await workers.stop(5)
    theirs = {name: value for name, value in dumped(own_redis).items() if name not in ours}
    assert any(ANA.encode() in name for name in theirs)

    await erase(app)

    after = dumped(own_redis)
    assert {name: after.get(name) for name in theirs} == theirs


async def test_counts_of_campaigns_stay_and_what_was_planned_is_left_out(full: App) -> None:
    sent = await full.campaigns.get("org_1", "sent")
    await erase(full)

    after = await full.campaigns.get("org_1", "sent")
    assert sent is not None and after is not None
    assert (after.statuses, after.skipped, after.total) == (sent.statuses, sent.skipped, sent.total)
    [row] = [row async for _, _, rows in full.campaigns.planned(after) for row in rows if row.number != OTHER]
    [entry] = await full.campaigns.entries("org_1", "sent", [row.number])
    assert (row, entry.status, entry.detail) == (PlannedRow(1, "erased-1", ""), "delivered", "")

    workers = full.workers()
    await workers.start()
    await full.campaign_control.resume("org_1", "paused")
    await eventually(lambda: world.state(full, "org_1", "paused"), "completed")
    await workers.stop(5)
    paused = await full.campaigns.get("org_1", "paused")
    assert paused is not None
    assert (paused.statuses["sent"], paused.statuses["removed"], paused.total) == (1, 1, 4)


async def test_who_wanted_no_campaigns_is_not_in_the_next_either(full: App) -> None:
    receipt = await erase(full)

    known = await full.contacts.consent("org_1", ANA_BEFORE)
    planned = await _plan_for(full, "after")
    await full.contacts.opt_in("org_1", ANA, source="test")
    back = await _plan_for(full, "back")

    assert receipt.opt_out == "kept as a fingerprint"
    assert known is not None and (known.is_out, known.source) == (True, "erased")
    assert planned == {"opted_out": 1}
    assert back == {}
    assert (await erase(full, forget_opt_out=True)).opt_out == "forgotten"
    assert await full.contacts.consent("org_1", ANA) is None


async def test_what_was_broken_off_goes_on_and_still_knows_what_belonged_to_them(
    full: App, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs and chats say which messages were theirs: these must be found when the jobs and chats are gone."""

    async def broken(self: Treating, subject: Subject, finding: Finding) -> bool:
        if finding.key.family_name in ("message", "provider-message"):
            raise ConnectionError("the process died")
        return await whole(self, subject, finding)

    whole = Treating.erase
    monkeypatch.setattr(Treating, "erase", broken)
    with pytest.raises(ConnectionError):
        await erase(full)
    monkeypatch.undo()

    receipt = await erase(full)

    with redis.Redis.from_url(own_redis.url, decode_responses=True) as client:
        ledger = [key for key in client.scan_iter("*:org:org_1:message:*") if client.hget(key, "contact") != OTHER]
        keys = list(client.scan_iter("*:erasing:*"))
    assert receipt.is_complete and traces(own_redis) == [] and keys == []
    # What was said to the other customer, and to the owner about them and about the campaign
    assert sorted(key.rpartition(":")[2].partition("-")[0] for key in ledger) == ["auto", "auto", "msg"]


async def test_what_comes_in_meanwhile_is_caught(
    full: App, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def and_another(self: Treating, subject: Subject, finding: Finding) -> bool:
        if not late.is_set():
            late.set()
            await full.producer.add_automation_job(
                automation_id="late", organization_id="org_1", type="x", recipient_number=ANA, content="Banho hoje"
            )
        return await whole(self, subject, finding)

    late, whole = asyncio.Event(), Treating.erase
    monkeypatch.setattr(Treating, "erase", and_another)

    receipt = await erase(full)

    assert late.is_set() and receipt.is_complete
    assert traces(own_redis) == []


async def test_a_job_that_runs_is_waited_for_and_else_told(app: App, own_redis: RedisServer) -> None:
    await world.organizations(app)
    started, go_on = asyncio.Event(), asyncio.Event()

    async def handler(job: Job) -> None:
        started.set()
        await go_on.wait()

    worker = Worker("message", handler, hub=app.hub)
    await app.queues["message"].add("m", {"organizationId": "org_1", "from": f"{ANA}@c.us"}, job_id="running")
    await worker.start()
    await started.wait()

    refused = await erase(app, patience_seconds=0)
    waiting = asyncio.create_task(erase(app, patience_seconds=20))
    go_on.set()
    done = await waiting
    await worker.stop()

    assert not refused.is_complete
    assert any("still in hand" in remains.what for remains in refused.remains)
    assert done.is_complete and done.erased["jobs"] == 1
    assert traces(own_redis) == []


async def test_an_owner_a_number_of_its_own_and_nonsense_are_refused(app: App) -> None:
    await world.organizations(app)
    await app.organizations.save(Organization(id="org_1", name="Shop", owners=[ANA], instances=[f"+{OTHER}"[1:]]))

    async def refused(number: str, organization: str = "org_1") -> type[Exception]:
        with pytest.raises((NotAllowed, InvalidPayload, NotFound)) as error:
            await app.erasure.erase(organization, number, by="dpo", door="cli", sees_all=True)
        return error.type

    assert await refused(ANA_BEFORE) is NotAllowed
    assert await refused(OTHER) is NotAllowed
    assert await refused("nobody") is InvalidPayload
    assert await refused(ANA, "org_9") is NotFound


async def test_what_is_held_is_handed_out_and_nothing_of_others(full: App) -> None:
    holdings = await full.erasure.holdings("org_1", LID, sees_all=True)
    export = repr(holdings.export())

    assert {"chats", "campaigns", "jobs", "dead letters", "wishes about campaigns"} <= holdings.counts().keys()
    assert all(text in export for text in ("Oi, sou 5511987654321", "Vacina", "Olá Ana", "Ana Clara", "delivered"))
    assert OTHER not in export
    assert holdings.export()["addresses"] == [LID, ANA]


async def test_names_and_settings_with_the_number_in_them_stay_and_are_told(app: App) -> None:
    """Blanked, the jobs of that campaign would not find it any more; and settings are the organization's words."""
    await world.organizations(app)
    shop = Organization(id="org_1", name="Shop", hand_off=f"Ligue para {ANA}", instances=["wa_1"])
    await app.organizations.save(shop)
    campaign_id = f"vip-{ANA}"
    await app.queues["campaign"].add(
        "s", {"kind": "campaign.send", "v": 1, "campaignId": campaign_id, "organizationId": "org_1", "recipient": OTHER,
              "text": "Oi", "step": 0}, job_id="send-other", delay_ms=world.HOUR_MS,
    )  # fmt: skip
    assert await _plan_for(app, campaign_id) == {}

    receipt = await erase(app)

    told = " ".join(remains.what for remains in receipt.remains)
    [data] = await app.queues["campaign"].data(["send-other"])
    after = await app.campaigns.get("org_1", campaign_id)
    stored = await app.organizations.get("org_1")
    assert receipt.is_complete and after is not None and after.total == 2
    assert isinstance(data, dict) and data["campaignId"] == campaign_id
    assert stored == shop
    assert all(f"kind of key {kind}, " in told for kind in ("organization", "campaign", "campaigns"))


async def _plan_for(app: App, campaign_id: str) -> dict[str, int]:
    """Why recipients of a new campaign were left out that goes to the person and another one."""
    request = {
        "organizationId": "org_1",
        "campaignId": campaign_id,
        "template": "Oi",
        "recipients": [ANA_BEFORE, OTHER],
    }
    await app.campaign_control.take_in(parse_new(CampaignRequest, request))
    return await world.planned(app, "org_1", campaign_id)


async def _is_rewriting(client: "redis.Redis") -> bool:
    info = client.info("persistence")
    assert isinstance(info, dict)
    return bool(info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])

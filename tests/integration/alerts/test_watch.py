"""What is wrong is found in a real installation, and told to who is to hear of it."""

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.app import App, open_app
from oxyq.errors import TemporaryError
from oxyq.gateways.signatures import check_sha256
from oxyq.gateways.simulator import read_log
from oxyq.instances import Instance
from oxyq.jobs import Automation, CampaignContent, decode, parse_new
from oxyq.organizations import Organization
from oxyq.process import running_workers
from oxyq.settings import load_settings
from tests.integration.alerts.conftest import ORGANIZATION, OWNER, SECRET, Receiver
from tests.integration.engine.journal import eventually


async def lose(app: App, instance_id: str, *, seconds_ago: int = 60) -> None:
    """Let a number of the shop be away since then."""
    await app.instances.save(Instance(id=instance_id, organization_id=ORGANIZATION, gateway="simulator"))
    await app.instances.note_state(instance_id, "closed", "the phone was logged out")
    key = redis_keys.numbers_away(prefix=app.settings.redis_prefix)
    await app.redis.zadd(key, {instance_id: (time.time() - seconds_ago) * 1000})


async def told_to_owner(app: App) -> list[Automation]:
    """The automations that wait for workers."""
    ids = await app.queues["automation"].ids("prioritized", 0, -1) + await app.queues["automation"].ids("wait", 0, -1)
    records = await app.queues["automation"].records(ids)
    found = [decode("automation", record.data) for record in records if record is not None]
    return [one for one in found if isinstance(one, Automation)]


async def bury(app: App, *ids: str) -> None:
    for one in ids:
        await app.producer.send_to_dlq(
            originalQueue="message", originalJobId=one, failedReason="the gateway is away", organizationId=ORGANIZATION,
            originalJobName="inbound", data={},
        )  # fmt: skip


async def let_calm_pass(app: App) -> None:
    """As if what fires now had not held for longer than any calm."""
    firing = await app.alerts.firing()
    await app.alerts.save([replace(one, calm_since_ms=1) for one in firing], ())


async def test_a_lost_number_is_told_to_the_operator_and_by_another_number_to_the_owner(
    app: App, receiver: Receiver
) -> None:
    await lose(app, "wa_1")

    done = await app.alert_watch.run_once()

    assert f"number-disconnected/{ORGANIZATION}/wa_1 firing" in receiver.news
    assert done is not None
    [automation] = await told_to_owner(app)
    assert (automation.recipient_number, automation.instance_id) == (OWNER, "wa_2")
    assert automation.content.startswith("⚠️ Número desconectado\nO número wa_1")

    # And once, however often somebody looks
    told = len(receiver.raw)
    await app.alert_watch.run_once()
    assert (len(receiver.raw), len(await told_to_owner(app))) == (told, 1)


async def test_who_told_an_owner_and_died_over_it_has_told_once(app: App) -> None:
    await lose(app, "wa_1")
    await app.alert_watch.run_once()
    await app.alerts.save([replace(one, told={}) for one in await app.alerts.firing()], ())

    # The next one tells of another duration, and of the same thing
    await lose(app, "wa_1", seconds_ago=6000)
    assert f"number-disconnected/{ORGANIZATION}/wa_1 firing" in str(await app.alert_watch.run_once())
    assert len(await told_to_owner(app)) == 1


async def test_when_it_is_back_both_are_told_that_it_is_over(app: App, receiver: Receiver) -> None:
    await lose(app, "wa_1")
    await app.alert_watch.run_once()

    await app.instances.note_state("wa_1", "open")
    await let_calm_pass(app)
    await app.alert_watch.run_once()

    assert f"number-disconnected/{ORGANIZATION}/wa_1 resolved" in receiver.news
    assert [one.content[:11] for one in await told_to_owner(app)].count("✅ Resolvido") == 1


async def test_an_owner_whose_only_numbers_are_away_is_told_nothing_by_them(app: App, receiver: Receiver) -> None:
    await lose(app, "wa_1")
    await lose(app, "wa_2")

    await app.alert_watch.run_once()

    assert sum("number-disconnected" in one for one in receiver.news) == 2
    assert await told_to_owner(app) == []


async def test_a_number_that_no_bridge_has_is_away(app: App) -> None:
    await app.instances.save(Instance(id="wa_b", organization_id=ORGANIZATION, gateway="baileys"))
    await app.instances.note_state("wa_b", "open")

    [away] = await app.away.all()
    assert (away.instance_id, away.state) == ("wa_b", "no bridge has it")

    await app.redis.set(redis_keys.bridge_lease("wa_b", prefix=app.settings.redis_prefix), "{}")
    assert await app.away.all() == []
    assert await app.redis.zcard(redis_keys.numbers_away(prefix=app.settings.redis_prefix)) == 0


async def test_a_number_of_which_only_the_state_is_known_is_away(app: App) -> None:
    """As the release before notes it, and as a snapshot brings it along."""
    await app.instances.save(Instance(id="wa_1", organization_id=ORGANIZATION, gateway="simulator"))
    await app.instances.note_state("wa_1", "halted")
    await app.redis.delete(redis_keys.numbers_away(prefix=app.settings.redis_prefix))

    assert [one.instance_id for one in await app.away.all()] == ["wa_1"]


async def test_a_number_that_is_removed_is_nobodys_worry(app: App) -> None:
    await lose(app, "wa_1")
    await app.instances.remove("wa_1")

    assert await app.redis.zcard(redis_keys.numbers_away(prefix=app.settings.redis_prefix)) == 0
    assert await app.away.all() == []


async def test_dead_letters_of_a_shop_are_its_owners_and_the_sum_is_the_operators(app: App, receiver: Receiver) -> None:
    await bury(app, "a", "b")
    await app.alert_watch.run_once()
    assert not any("dead-letters" in one for one in receiver.news)

    await bury(app, "c")
    await app.alert_watch.run_once()

    assert "dead-letters-growing firing" in receiver.news
    assert not any("messages-failing" in one for one in receiver.news)
    assert [one.content.partition("\n")[0] for one in await told_to_owner(app)] == ["⚠️ Mensagens falhando"]


async def test_a_campaign_that_ran_out_of_its_budget_is_told_and_one_that_goes_on_is_not(
    app: App, receiver: Receiver
) -> None:
    for campaign_id, waits in (("spent", "daily budget"), ("slow", "number limit"), ("night", "quiet hours")):
        content = CampaignContent(campaign_id=campaign_id, organization_id=ORGANIZATION, template="Oi")
        await app.campaigns.begin(content, "t")
        key = redis_keys.campaign(ORGANIZATION, campaign_id, prefix=app.settings.redis_prefix)
        await app.redis.hset(key, "state", "running")
        campaign = await app.campaigns.get(ORGANIZATION, campaign_id)
        assert campaign is not None
        await app.campaigns.passed(campaign, waits, None, int(time.time() * 1000) - 60_000, 1.0)

    await app.alert_watch.run_once()
    assert [one for one in receiver.news if "campaign" in one] == [f"campaign-stopped/{ORGANIZATION}/spent firing"]

    # When it goes on again
    campaign = await app.campaigns.get(ORGANIZATION, "spent")
    assert campaign is not None
    await app.campaigns.passed(campaign, "", None, int(time.time() * 1000), 1.0)
    await let_calm_pass(app)
    await app.alert_watch.run_once()
    assert f"campaign-stopped/{ORGANIZATION}/spent resolved" in receiver.news


async def test_a_paused_campaign_is_no_worry(app: App, receiver: Receiver) -> None:
    content = CampaignContent(campaign_id="sale", organization_id=ORGANIZATION, template="Oi")
    await app.campaigns.begin(content, "t")
    key = redis_keys.campaign(ORGANIZATION, "sale", prefix=app.settings.redis_prefix)
    await app.redis.hset(key, "state", "running")
    campaign = await app.campaigns.get(ORGANIZATION, "sale")
    assert campaign is not None
    await app.campaigns.passed(campaign, "slowed down", None, 1, 1.0)

    await app.redis.hset(key, "state", "paused")
    await app.alert_watch.run_once()

    assert not any("campaign" in one for one in receiver.news)
    assert await app.redis.zcard(redis_keys.campaigns_stopped(prefix=app.settings.redis_prefix)) == 0


async def test_owners_are_spared_at_night_and_when_they_say_so(app: App) -> None:
    closed: Mapping[str, object] = {"sendingHours": {"closed": [], "days": {_another_day(): [["00:00", "00:01"]]}}}
    for settings in (closed, {"ownerAlerts": False}):
        shop = await app.organizations.get(ORGANIZATION)
        assert shop is not None
        plain = shop.model_copy(update={"sending_hours": None})
        await app.organizations.save(parse_new(Organization, plain, **settings))
        await bury(app, "a", "b", "c")
        await app.alert_watch.run_once()
        assert await told_to_owner(app) == []


def _another_day() -> str:
    """A day of the week that is neither today nor beside it."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return days[(time.gmtime().tm_wday + 3) % 7]


async def test_what_is_silenced_is_looked_at_and_not_told(app: App, receiver: Receiver) -> None:
    await app.alerts.silence("number-disconnected", int(time.time() * 1000) + 60_000)
    await app.alerts.silence("no-worker", int(time.time() * 1000) + 60_000)
    await lose(app, "wa_1")

    await app.alert_watch.run_once()
    assert receiver.news == []
    assert await told_to_owner(app) == []
    assert f"number-disconnected/{ORGANIZATION}/wa_1" in [one.id for one in await app.alerts.firing(ORGANIZATION)]

    assert await app.alerts.end_silence("number-disconnected")
    await app.alert_watch.run_once()
    assert receiver.news == [f"number-disconnected/{ORGANIZATION}/wa_1 firing"]


async def test_what_the_webhook_did_not_take_is_told_with_the_next_look(app: App, receiver: Receiver) -> None:
    receiver.statuses = [500]
    await lose(app, "wa_1")

    with pytest.raises(TemporaryError, match=r"answered 500 \(3 tries") as refused:
        await app.alert_watch.run_once()
    assert receiver.url not in str(refused.value)
    assert len(await told_to_owner(app)) == 1, "the owner does not wait for the webhook"

    receiver.statuses, receiver.raw = [200], []
    await app.alert_watch.run_once()
    assert f"number-disconnected/{ORGANIZATION}/wa_1 firing" in receiver.news
    assert len(await told_to_owner(app)) == 1


async def test_the_webhook_is_signed_tried_again_and_follows_nobody(app: App, receiver: Receiver) -> None:
    receiver.statuses = [503, 429, 200]
    answer = await app.alert_watch.test()
    assert answer is not None
    assert (answer.is_taken, answer.tries) == (True, 3)
    check_sha256(receiver.headers[-1], "x-oxyq-signature", SECRET, receiver.raw[-1])
    assert receiver.headers[-1]["request"] == "POST /hook?room=1 HTTP/1.1"
    assert receiver.bodies[-1]["kind"] == "test"

    receiver.statuses, receiver.raw = [302], []
    answer = await app.alert_watch.test()
    assert answer is not None
    assert (answer.is_taken, str(answer)[:12], len(receiver.raw)) == (False, "answered 302", 1)


async def test_a_webhook_that_is_not_there_is_told_without_its_address(environment: dict[str, str]) -> None:
    address = "http://127.0.0.1:1/secret-room"
    async with open_app(load_settings({**environment, "OXYQ_ALERT_WEBHOOK": address})) as app:
        answer = await app.alert_watch.test()

    assert answer is not None
    assert str(answer).startswith("no answer (ConnectError) (3 tries")


async def test_one_process_looks_and_another_when_it_is_gone(app: App, environment: dict[str, str]) -> None:
    await lose(app, "wa_1")
    async with open_app(load_settings(environment)) as other:
        assert await app.alert_watch.run_once()
        assert await app.alerts.take_turn(60), "it keeps its turn"
        assert await other.alert_watch.run_once() is None
        assert not await other.alerts.take_turn(60)

        await app.redis.delete(redis_keys.alert_lease(prefix=app.settings.redis_prefix))
        assert await other.alerts.take_turn(60)


async def test_an_idle_look_costs_few_commands_and_those_who_do_not_look_one(
    app: App, environment: dict[str, str], redis_client: "redis.asyncio.Redis"
) -> None:
    """As docs/how-to/alerts.md says; on a quiet installation, and with all that scripts call inside."""
    await app.alert_watch.run_once()
    async with open_app(load_settings(environment)) as other:
        await other.alert_watch.run_once()
        looked = await commands_of(app, redis_client)
        waited = await commands_of(other, redis_client)

    assert len([one for one in looked if one["client_type"] != "lua"]) <= 40
    assert len(looked) <= 75
    assert [one["command"].split()[0] for one in waited if one["client_type"] != "lua"] == ["EVALSHA"]


async def commands_of(app: App, redis_client: "redis.asyncio.Redis") -> list[dict[str, str]]:
    """What one look of this process makes Redis do."""
    seen = list[dict[str, str]]()
    async with redis_client.monitor() as monitor:
        await app.alert_watch.run_once()
        await redis_client.echo("over")
        while "ECHO over" not in (one := await monitor.next_command())["command"]:
            seen.append(one)
    known = ("PING", "TIME", "INFO")
    return [one for one in seen if app.settings.redis_prefix in one["command"] or one["command"] in known]


async def sent_by(app: App) -> list[tuple[str, str]]:
    """To whom something went out, and its first line."""
    return [(one.to, one.text.partition("\n")[0]) for one in read_log(app.settings.simulator_log_path)]


async def test_workers_look_and_an_owner_reads_it_on_whatsapp(app: App, receiver: Receiver) -> None:
    await lose(app, "wa_1")

    async with running_workers(app):
        await eventually(lambda: sent_by(app), [(OWNER, "⚠️ Número desconectado")])

    assert f"number-disconnected/{ORGANIZATION}/wa_1 firing" in receiver.news


async def test_nobody_looks_where_nobody_is_told(environment: dict[str, str]) -> None:
    quiet = {name: value for name, value in environment.items() if not name.startswith("OXYQ_ALERT")}
    async with open_app(load_settings(quiet)) as app:
        assert not app.alert_watch.is_on
        assert await app.alert_watch.test() is None

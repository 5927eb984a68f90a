"""What the ledger lets through, in every state a crash can leave it in."""

import asyncio

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.engine import Hub
from oxyq.organizations import FrequencyCap
from oxyq.sending.ledger import Claim, Gate, IfUnknown, Ledger, News
from tests.fault_proxy import FaultProxy
from tests.integration.engine.journal import eventually
from tests.integration.sending.conftest import Run
from tests.redis_server import RedisServer

ORG, KEY = "org_demo", "camp-1/5511999990001/1"


async def test_message_that_went_out_is_never_sent_again(ledger: Ledger, run: Run) -> None:
    first = await run()
    assert await ledger.claim(first, ORG, KEY, "once") == Claim("send")
    await ledger.sent(first, ORG, KEY, "wamid-1")

    assert await ledger.claim(await run(), ORG, KEY, "once") == Claim("sent", "wamid-1")


@pytest.mark.parametrize(
    ("if_unknown", "verdicts"),
    [
        ("never", ["send", "unconfirmed", "unconfirmed"]),
        ("once", ["send", "again", "unconfirmed"]),
        ("same", ["send", "again", "again"]),
    ],
)
async def test_run_that_never_said_how_it_went_leaves_the_unknown(
    ledger: Ledger, run: Run, if_unknown: IfUnknown, verdicts: list[str]
) -> None:
    """Three runs, each of which dies between claiming and writing down."""
    assert [(await ledger.claim(await run(), ORG, KEY, if_unknown)).verdict for _ in range(3)] == verdicts


async def test_claim_and_ending_whose_answers_are_lost_are_said_again_by_the_same_run(
    redis_server: RedisServer, prefix: str, ledger: Ledger, run: Run
) -> None:
    """Nothing went out between the two claims, so nothing is unknown."""
    async with FaultProxy(redis_server.port) as proxy:
        hub = Hub(proxy.url, prefix=prefix)
        cut_off, job = Ledger(hub), await run()
        await cut_off.claim(job, ORG, "another", "never")  # Redis knows the script

        proxy.drop_reply_matching(lambda request: request.startswith(b"EVALSHA"))
        assert await cut_off.claim(job, ORG, KEY, "never") == Claim("send")
        assert proxy.reply_dropped.is_set()

        proxy.drop_reply_matching(lambda request: b"wamid-1" in request)
        assert await cut_off.sent(job, ORG, KEY, "wamid-1")
        assert proxy.reply_dropped.is_set()
        await hub.close()

    assert await ledger.claim(await run(), ORG, KEY, "never") == Claim("sent", "wamid-1")


async def test_claim_that_is_said_again_does_not_make_an_earlier_run_s_known(
    redis_server: RedisServer, prefix: str, ledger: Ledger, run: Run
) -> None:
    # Given a run that claimed and died, and another that asks, and does not hear the answer
    await ledger.claim(await run(), ORG, KEY, "never")
    async with FaultProxy(redis_server.port) as proxy:
        hub, job = Hub(proxy.url, prefix=prefix), await run()
        proxy.drop_reply_matching(lambda request: request.startswith(b"EVALSHA"))

        assert await Ledger(hub).claim(job, ORG, KEY, "never") == Claim("unconfirmed")
        assert proxy.reply_dropped.is_set()
        await hub.close()


async def test_that_it_was_sent_is_said_until_redis_takes_it(own_redis: RedisServer, run: Run) -> None:
    # Given a Redis that refuses for a while, as in a failover
    hub, job = Hub(own_redis.url), await run()
    ledger = Ledger(hub)
    with own_redis.client() as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        saying = asyncio.ensure_future(ledger.sent(job, ORG, KEY, "wamid-1"))
        assert await asyncio.wait([saying], timeout=0.5) == (set(), {saying})

        # When it does so no more
        redis.execute_command("REPLICAOF", "NO", "ONE")

    # Then
    assert await saying
    assert (await entry_of(ledger)) == "sent"
    await hub.close()


async def test_run_that_is_stopped_while_it_says_that_it_sent_is_heard_all_the_same(
    own_redis: RedisServer, run: Run
) -> None:
    """Redis does not know the script yet, so the first word is none."""
    hub, job = Hub(own_redis.url), await run()
    ledger = Ledger(hub)
    await hub.commands.ready(5)
    saying = asyncio.ensure_future(ledger.sent(job, ORG, KEY, "wamid-1"))
    await asyncio.sleep(0)

    saying.cancel()

    await eventually(lambda: entry_of(ledger), "sent")
    assert saying.cancelled()
    await hub.close()


async def entry_of(ledger: Ledger) -> str | None:
    entry = await ledger.entry(ORG, KEY)
    return None if entry is None else entry.state


async def test_message_that_was_refused_may_be_sent_as_if_nothing_had_been(ledger: Ledger, run: Run) -> None:
    first = await run()
    await ledger.claim(first, ORG, KEY, "never")
    await ledger.refused(first, ORG, KEY)

    assert await ledger.claim(await run(), ORG, KEY, "never") == Claim("send")


async def test_run_that_lost_its_job_may_not_send(ledger: Ledger, run: Run) -> None:
    # Given a run that was asleep while another one took over
    asleep, awake = await run(), await run()

    # When both want to send
    assert await ledger.claim(asleep, ORG, KEY, "once") == Claim("fenced")
    assert await ledger.claim(awake, ORG, KEY, "once") == Claim("send")


async def test_run_that_lost_its_job_while_sending_is_heard_if_it_sent_and_only_then(ledger: Ledger, run: Run) -> None:
    # Given a run that is lost between claiming and hearing the answer, and one that took over
    lost = await run()
    await ledger.claim(lost, ORG, KEY, "once")
    second = await run()
    assert (await ledger.claim(second, ORG, KEY, "once")).verdict == "again"

    # When it says that nothing went out, nobody listens: the second may have sent by now
    await ledger.refused(lost, ORG, KEY)
    entry = await ledger.entry(ORG, KEY)
    assert entry is not None
    assert (entry.state, entry.is_repeated) == ("sending", True)

    # When it says that it did go out, that is so
    await ledger.sent(lost, ORG, KEY, "wamid-1")
    assert await ledger.claim(await run(), ORG, KEY, "once") == Claim("sent", "wamid-1")


async def test_what_went_out_is_never_unsaid(ledger: Ledger, run: Run) -> None:
    first = await run()
    await ledger.claim(first, ORG, KEY, "never")
    await ledger.sent(first, ORG, KEY, "wamid-1")

    await ledger.refused(first, ORG, KEY)
    await ledger.unconfirmed(first, ORG, KEY)
    await ledger.sent(first, ORG, KEY, "wamid-2")

    entry = await ledger.entry(ORG, KEY)
    assert entry is not None
    assert (entry.state, entry.provider_id, entry.is_repeated) == ("sent", "wamid-1", False)


async def test_of_many_that_claim_at_once_one_sends(ledger: Ledger, run: Run) -> None:
    job = await run()

    claims = await asyncio.gather(*(ledger.claim(job, ORG, KEY, "never") for _ in range(20)))

    assert sorted(claim.verdict for claim in claims) == ["send"] + ["unconfirmed"] * 19


async def test_organizations_have_entries_of_their_own(ledger: Ledger, run: Run) -> None:
    job = await run()
    await ledger.claim(job, ORG, KEY, "never")
    await ledger.sent(job, ORG, KEY, "wamid-1")

    assert await ledger.entry("org_other", KEY) is None
    assert (await ledger.claim(job, "org_other", KEY, "never")).verdict == "send"


async def test_entries_live_for_eight_days(
    ledger: Ledger, run: Run, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    job = await run()
    for step in ("claimed", "sent"):
        if step == "claimed":
            await ledger.claim(job, ORG, KEY, "never")
        else:
            await ledger.sent(job, ORG, KEY, "wamid-1")
        ttl = await redis_client.ttl(redis_keys.message(ORG, KEY, prefix=prefix))
        assert 8 * 24 * 3600 - 60 < ttl <= 8 * 24 * 3600


@pytest.mark.parametrize(
    ("before", "news", "after"),
    [
        ("sent", ["delivered", "read"], "read"),
        ("sent", ["read", "delivered", "sent"], "read"),
        ("sent", ["failed"], "failed"),
        ("sent", ["delivered", "failed"], "delivered"),
        ("unconfirmed", ["sent"], "sent"),
        ("unconfirmed", ["delivered"], "delivered"),
        ("unconfirmed", ["failed"], "failed"),
        ("refused", ["delivered"], "refused"),
    ],
)
async def test_news_only_move_a_message_forward(
    ledger: Ledger, run: Run, before: str, news: list[News], after: str
) -> None:
    """Statuses come in any order, and more than once; what nobody knew is settled by them."""
    job, gate = await run(), Gate("c-1", "5511999990001")
    await ledger.claim(job, ORG, KEY, "never", gate)
    match before:
        case "sent":
            await ledger.sent(job, ORG, KEY, "wamid-1")
        case "unconfirmed":
            await ledger.unconfirmed(job, ORG, KEY)
        case _:
            await ledger.refused(job, ORG, KEY, gate)

    advances = [await ledger.advance(ORG, KEY, item, at_ms=1) for item in [*news, news[-1]]]

    entry = await ledger.entry(ORG, KEY)
    assert entry is not None
    assert entry.state == after
    assert not advances[-1].is_news
    assert (advances[0].campaign_id, advances[0].contact) == ("c-1", "5511999990001")


async def test_what_was_settled_by_the_gateway_is_not_sent_again(ledger: Ledger, run: Run) -> None:
    await ledger.claim(await run(), ORG, KEY, "once")
    await ledger.advance(ORG, KEY, "delivered", at_ms=1, provider_id="wamid-9")
    assert await ledger.claim(await run(), ORG, KEY, "once") == Claim("sent", "wamid-9")


async def test_a_message_that_is_tried_again_is_counted_once(ledger: Ledger, run: Run) -> None:
    """By a gateway that takes both for one message."""
    gate = Gate("c-1", "5511999990001", FrequencyCap(messages=2, days=7))
    for _ in range(3):
        assert (await ledger.claim(await run(), ORG, KEY, "same", gate)).verdict in ("send", "again")
    assert (await ledger.claim(await run(), ORG, "another", "same", gate)).verdict == "send"
    assert (await ledger.claim(await run(), ORG, "a third", "same", gate)).verdict == "kept"

"""Claim, send, write down: what goes out, through gateways that fail in every way they may."""

import asyncio
from dataclasses import replace

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.engine import Hub
from oxyq.engine.job import Job
from oxyq.engine.keys import QueueKeys
from oxyq.gateways.base import GatewayError, InstanceHalted, MaybeSent, NeverWill, NotSent, SlowDown
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.none import NoGateway
from oxyq.gateways.outbound import Outbound, OutboundTemplate, OutboundText, Receipt
from oxyq.limits import NumberSettings, RateLimit
from oxyq.organizations import FrequencyCap, demo_organization
from oxyq.pacing.limiter import Go, Kind, Lane, Limiter, Wait
from oxyq.sending.lanes import Lanes
from oxyq.sending.ledger import Gate, Ledger
from oxyq.sending.sender import Kept, LostJob, NotYet, Sender, Sent, Unconfirmed
from oxyq.telemetry.events import Event, SendEnded, Telemetry
from tests.integration.sending.conftest import Run

MESSAGE = OutboundText("org_demo", "wa_demo", "5511999990001", "oi", "camp-1/5511999990001/1")


class Scripted(NoGateway):
    """A gateway that ends each send as it was told, and remembers what went out."""

    def __init__(self, *endings: GatewayError | None, repeats_safely: bool = False) -> None:
        self.capabilities = frozenset({"text", "repeats-safely"} if repeats_safely else {"text"})
        self.went_out = list[str]()
        self._endings = list(endings)

    async def send(self, message: OutboundText) -> Receipt:
        """Send, or fail."""
        ending = self._endings.pop(0) if self._endings else None
        if ending is None or isinstance(ending, MaybeSent):
            self.went_out.append(message.key)
        if ending is not None:
            raise ending
        return Receipt(f"wamid-{len(self.went_out)}")

    async def close(self) -> None:
        """Nothing to let go of."""


async def send(sender: Sender, job: Job, kind: Kind, **more: Gate) -> Sent | Unconfirmed | Kept | str:
    """One run; gives the name of what was raised."""
    try:
        return await sender.send(job, MESSAGE, demo_organization(), kind=kind, **more)
    except (GatewayError, LostJob, NotYet) as error:
        return type(error).__name__


async def test_a_second_run_sends_nothing(hub: Hub, ledger: Ledger, run: Run) -> None:
    gateway = Scripted()
    sender = Sender(Gateways(gateway), ledger, Limiter(hub))

    assert await send(sender, await run(), "campaign") == Sent("wamid-1")
    assert await send(sender, await run(), "campaign") == Sent("wamid-1")
    assert len(gateway.went_out) == 1


async def test_how_each_try_ended_is_told(hub: Hub, ledger: Ledger, run: Run) -> None:
    telemetry, told = Telemetry(), list[Event]()
    telemetry.listen(told.append)
    gateway = Scripted(SlowDown("slow", 0.001), InstanceHalted("blocked", 0.001), NotSent("no"), MaybeSent("no answer"))
    sender = Sender(Gateways(gateway), ledger, Limiter(hub), telemetry=telemetry)

    for _ in range(5):
        await send(sender, await run(), "message")

    outcomes = [event.outcome for event in told if isinstance(event, SendEnded)]
    assert outcomes == ["slow_down", "halted", "not_sent", "maybe_sent", "sent"]


@pytest.mark.parametrize("refusal", [NotSent("no"), SlowDown("slow", 0.02), NeverWill("no such number")], ids=repr)
async def test_what_was_refused_goes_out_with_the_next_run(
    hub: Hub, ledger: Ledger, run: Run, refusal: GatewayError
) -> None:
    gateway = Scripted(refusal)
    sender = Sender(Gateways(gateway), ledger, Limiter(hub))

    said = "NotYet" if isinstance(refusal, SlowDown) else type(refusal).__name__
    assert await send(sender, await run(), "campaign") == said
    assert await send(sender, await run(), "campaign") == Sent("wamid-1")
    assert len(gateway.went_out) == 1


@pytest.mark.parametrize(
    ("kind", "repeats_safely", "runs", "went_out"),
    [
        ("campaign", False, [Unconfirmed(), Unconfirmed(), Unconfirmed()], 1),
        ("message", False, ["MaybeSent", Unconfirmed(), Unconfirmed()], 2),
        # The other side takes it for one message, so it is sent until somebody says that it came.
        ("campaign", True, ["MaybeSent", "MaybeSent", Sent("wamid-3")], 3),
    ],
)
async def test_lost_answers(
    hub: Hub, ledger: Ledger, run: Run, kind: Kind, repeats_safely: bool, runs: list[object], went_out: int
) -> None:
    gateway = Scripted(MaybeSent("lost"), MaybeSent("lost"), repeats_safely=repeats_safely)
    sender = Sender(Gateways(gateway), ledger, Limiter(hub))

    assert [await send(sender, await run(), kind) for _ in range(3)] == runs
    assert len(gateway.went_out) == went_out


async def test_an_answer_that_came_through_the_second_time_says_that_it_may_be_twice(
    hub: Hub, ledger: Ledger, run: Run
) -> None:
    gateway = Scripted(MaybeSent("lost"))
    sender = Sender(Gateways(gateway), ledger, Limiter(hub))

    assert await send(sender, await run(), "message") == "MaybeSent"
    assert await send(sender, await run(), "message") == Sent("wamid-2", may_be_twice=True)


async def test_the_last_attempt_does_not_promise_another(hub: Hub, ledger: Ledger, run: Run) -> None:
    """Nothing would try again, so it is unconfirmed, and no failure."""
    job = await run()
    job.attempt = job.attempts

    sender = Sender(Gateways(Scripted(MaybeSent("lost"))), ledger, Limiter(hub))

    assert await send(sender, job, "message") == Unconfirmed()


async def test_run_that_lost_its_job_sends_nothing(hub: Hub, ledger: Ledger, run: Run) -> None:
    gateway = Scripted()
    lost = await run()
    await run()

    assert await send(Sender(Gateways(gateway), ledger, Limiter(hub)), lost, "message") == "LostJob"
    assert gateway.went_out == []


@pytest.mark.parametrize("has_templates", [True, False])
async def test_a_template_goes_out_as_its_text_where_there_are_none(
    hub: Hub, ledger: Ledger, run: Run, has_templates: bool
) -> None:
    class Keeping(Scripted):
        capabilities = frozenset({"text", "templates"} if has_templates else {"text"})

        def __init__(self) -> None:
            self.messages = list[Outbound]()

        async def send(self, message: Outbound) -> Receipt:
            self.messages.append(message)
            return Receipt("wamid-1")

    template = OutboundTemplate(
        "org_demo", "wa_demo", "5511999990001", template="promo", language="pt_BR", parameters=["Ana"], text="Oi Ana!",
        key="k/0",
    )  # fmt: skip
    gateway = Keeping()

    sender = Sender(Gateways(gateway), ledger, Limiter(hub))
    assert await sender.send(await run(), template, demo_organization(), kind="campaign") == Sent("wamid-1")

    text = OutboundText("org_demo", "wa_demo", "5511999990001", "Oi Ana!", "k/0")
    assert gateway.messages == [template if has_templates else text]


@pytest.mark.parametrize(("state", "kept"), [("paused", "paused"), ("cancelled", "cancelled")])
async def test_a_campaign_that_is_stopped_sends_nothing_more(
    hub: Hub, ledger: Ledger, run: Run, prefix: str, state: str, kept: str
) -> None:
    """Asked with the claim itself: between asking and sending nobody can stop it unheard."""
    gateway, key = Scripted(), redis_keys.campaign("org_demo", "c", prefix=prefix)
    sender, gate = Sender(Gateways(gateway), ledger, Limiter(hub)), Gate("c", MESSAGE.recipient)
    await hub.commands.call("HSET", key, "state", state)

    assert await send(sender, await run(), "campaign", gate=gate) == Kept(kept)
    assert gateway.went_out == []

    await hub.commands.call("HSET", key, "state", "running")
    assert await send(sender, await run(), "campaign", gate=gate) == Sent("wamid-1")


async def test_who_opted_out_a_moment_ago_gets_nothing(
    hub: Hub, ledger: Ledger, run: Run, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    gateway, contacts = Scripted(), ContactStore(redis_client, prefix=prefix)
    sender, gate = Sender(Gateways(gateway), ledger, Limiter(hub)), Gate("c", MESSAGE.recipient)
    await contacts.opt_out("org_demo", MESSAGE.recipient, source="test")

    assert await send(sender, await run(), "campaign", gate=gate) == Kept("opted_out")
    entry = await ledger.entry("org_demo", MESSAGE.key)
    assert entry is not None
    assert entry.state == "skipped"

    await contacts.opt_in("org_demo", MESSAGE.recipient, source="test")
    assert await send(sender, await run(), "campaign", gate=gate) == Sent("wamid-1")
    assert await contacts.was_reached("org_demo", MESSAGE.recipient)


async def test_nobody_hears_from_us_more_often_than_the_cap(hub: Hub, ledger: Ledger, run: Run) -> None:
    """Twice in seven days, over all campaigns; a message that was refused is not counted, one repeated counts once."""
    gateway = Scripted(None, NotSent("no"), None)
    sender, organization = Sender(Gateways(gateway), ledger, Limiter(hub)), demo_organization()
    gate = Gate("c", MESSAGE.recipient, FrequencyCap(messages=2, days=7))

    async def campaign(number: int) -> object:
        message = replace(MESSAGE, key=f"campaign {number}")
        try:
            return await sender.send(await run(), message, organization, kind="campaign", gate=gate)
        except NotSent:
            return "NotSent"

    assert await campaign(1) == Sent("wamid-1")
    assert await campaign(1) == Sent("wamid-1")  # its job ran again
    assert await campaign(2) == "NotSent"
    assert await campaign(3) == Sent("wamid-2")
    assert await campaign(4) == Kept("capped")
    assert await campaign(2) == Kept("capped")


async def test_one_that_has_to_wait_is_not_taken_for_sent(hub: Hub, ledger: Ledger, run: Run) -> None:
    """Claimed, and then not let go by the limits: the next run sends it, once."""
    gateway, organization = Scripted(), demo_organization()
    rate = {"wa_demo": NumberSettings(rate=RateLimit(max=1, per_seconds=1), answers_share=0.0)}
    organization = organization.model_copy(update={"numbers": rate})
    sender = Sender(Gateways(gateway), ledger, Limiter(hub))
    first = await sender.send(await run(), replace(MESSAGE, key="first"), organization, kind="campaign")

    with pytest.raises(NotYet) as caught:
        await sender.send(await run(), MESSAGE, organization, kind="campaign")
    await asyncio.sleep(max(caught.value.at_ms - now_ms(), 0) / 1000)

    assert first == Sent("wamid-1")
    assert await sender.send(await run(), MESSAGE, organization, kind="campaign") == Sent("wamid-2")
    assert gateway.went_out == ["first", MESSAGE.key]


async def test_an_answer_that_may_be_twice_says_so_also_when_a_run_between_was_refused(
    hub: Hub, ledger: Ledger, run: Run
) -> None:
    gateway = Scripted(MaybeSent("lost"), NotSent("no"))
    sender = Sender(Gateways(gateway), ledger, Limiter(hub))

    assert await send(sender, await run(), "message") == "MaybeSent"
    assert await send(sender, await run(), "message") == "NotSent"
    assert await send(sender, await run(), "message") == Sent("wamid-2", may_be_twice=True)


async def test_a_time_of_yesterday_counts_in_the_budget_of_today(hub: Hub, ledger: Ledger, run: Run) -> None:
    """Promised before midnight and late: it is one of today's."""
    organization = demo_organization()
    organization = organization.model_copy(update={"numbers": {"wa_demo": NumberSettings(daily=5)}})
    limiter, yesterday_ms = Limiter(hub), now_ms() - 86_400_000
    sender = Sender(Gateways(Scripted()), ledger, limiter)

    sent = await sender.send(await run(), MESSAGE, organization, kind="campaign", held_ms=yesterday_ms)

    lane = await Lanes(Gateways(Scripted())).of(organization, "wa_demo", None, "campaign", now_ms())
    assert sent == Sent("wamid-1")
    assert (await limiter.used(lane, now_ms=now_ms())).today == 1


async def test_who_was_put_off_for_another_reason_is_counted_like_everybody(hub: Hub, ledger: Ledger, run: Run) -> None:
    """A reminder that came before its time, or at night: no limit had promised it anything."""
    organization = demo_organization().model_copy(update={"numbers": {"wa_demo": NumberSettings(daily=5)}})
    limiter = Limiter(hub)
    sender = Sender(Gateways(Scripted()), ledger, limiter)
    await run()
    second_run = await run()
    assert second_run.attempts_started > second_run.attempt

    await sender.send(second_run, MESSAGE, organization, kind="automation")

    lane = await Lanes(Gateways(Scripted())).of(organization, "wa_demo", None, "automation", now_ms())
    assert (await limiter.used(lane, now_ms=now_ms())).today == 1


async def test_the_time_that_was_promised_is_known_to_the_next_run(hub: Hub, ledger: Ledger, run: Run) -> None:
    """Put off by a limit, it comes back to a time that is its own, and is counted once."""
    one_a_second = NumberSettings(daily=5, rate=RateLimit(max=1, per_seconds=1), answers_share=0)
    organization = demo_organization().model_copy(update={"numbers": {"wa_demo": one_a_second}})
    limiter = Limiter(hub)
    sender = Sender(Gateways(Scripted()), ledger, limiter)
    lane = await Lanes(Gateways(Scripted())).of(organization, "wa_demo", MESSAGE.recipient, "automation", now_ms())
    await limiter.go(lane, held_ms=None, now_ms=now_ms())  # another message has just gone

    with pytest.raises(NotYet) as put_off:
        await sender.send(await run(), MESSAGE, organization, kind="automation")
    assert put_off.value.held_ms == put_off.value.at_ms
    await asyncio.sleep((put_off.value.at_ms - now_ms()) / 1000)

    assert await sender.send(await run(), MESSAGE, organization, kind="automation") == Sent("wamid-1")
    assert (await limiter.used(lane, now_ms=now_ms())).today == 2


async def test_a_halted_number_is_told_of_and_told_of_again_once_it_sends(
    hub: Hub, ledger: Ledger, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oxyq.sending.sender.HALTED_SECONDS", 0.02)
    told = list[str | None]()
    gateway = Scripted(InstanceHalted("the token has expired"))
    sender = Sender(Gateways(gateway), ledger, Limiter(hub), lambda organization, number, why: told.append(why))

    assert await send(sender, await run(), "message") == "NotYet"
    await asyncio.sleep(0.03)
    assert await send(sender, await run(), "message") == Sent("wamid-1")
    assert await send(sender, await run(), "message") == Sent("wamid-1")

    assert told == ["the token has expired", None]


async def test_a_run_that_was_held_up_for_longer_than_its_lock_lasts_sends_nothing(
    hub: Hub, ledger: Ledger, run: Run, prefix: str
) -> None:
    """Frozen or cut off after its claim: another worker may have the job by now. The next run sends as if for the first
    time."""

    class HeldUp(Limiter):
        async def go(self, lane: Lane, *, held_ms: int | None = None, now_ms: int) -> Go | Wait:
            await asyncio.sleep(1.1)
            return await super().go(lane, held_ms=held_ms, now_ms=now_ms)

    gateway, job = Scripted(), await run()
    await hub.commands.call("PEXPIRE", QueueKeys(job.queue, prefix).lock(job.id), 1_000)

    assert await send(Sender(Gateways(gateway), ledger, HeldUp(hub)), job, "message") == "NotYet"
    assert gateway.went_out == []
    assert await send(Sender(Gateways(gateway), ledger, Limiter(hub)), await run(), "message") == Sent("wamid-1")

"""Claim, send, write down: what goes out, through gateways that fail in every way they may."""

import pytest

from oxyq.engine.job import Job
from oxyq.gateways.base import GatewayError, MaybeSent, NeverWill, NotSent, OutboundText, Receipt, SlowDown
from oxyq.sending.ledger import IfUnknown, Ledger
from oxyq.sending.sender import LostJob, Sender, Sent, Unconfirmed
from tests.integration.sending.conftest import Run

MESSAGE = OutboundText("org_demo", "wa_demo", "5511999990001", "oi", "camp-1/5511999990001/1")


class Scripted:
    """A gateway that ends each send as it was told, and remembers what went out."""

    name = "scripted"

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


async def send(sender: Sender, job: Job, if_unknown: IfUnknown) -> Sent | Unconfirmed | str:
    """One run; gives the name of what was raised."""
    try:
        return await sender.send(job, MESSAGE, if_unknown=if_unknown)
    except (GatewayError, LostJob) as error:
        return type(error).__name__


async def test_a_second_run_sends_nothing(ledger: Ledger, run: Run) -> None:
    gateway = Scripted()
    sender = Sender(gateway, ledger)

    assert await send(sender, await run(), "never") == Sent("wamid-1")
    assert await send(sender, await run(), "never") == Sent("wamid-1")
    assert len(gateway.went_out) == 1


@pytest.mark.parametrize("refusal", [NotSent("no"), SlowDown("slow", 1.0), NeverWill("no such number")], ids=repr)
async def test_what_was_refused_goes_out_with_the_next_run(ledger: Ledger, run: Run, refusal: GatewayError) -> None:
    gateway = Scripted(refusal)
    sender = Sender(gateway, ledger)

    assert await send(sender, await run(), "never") == type(refusal).__name__
    assert await send(sender, await run(), "never") == Sent("wamid-1")
    assert len(gateway.went_out) == 1


@pytest.mark.parametrize(
    ("if_unknown", "repeats_safely", "runs", "went_out"),
    [
        ("never", False, [Unconfirmed(), Unconfirmed(), Unconfirmed()], 1),
        ("once", False, ["MaybeSent", Unconfirmed(), Unconfirmed()], 2),
        # The other side takes it for one message, so it is sent until somebody says that it came.
        ("never", True, ["MaybeSent", "MaybeSent", Sent("wamid-3")], 3),
    ],
)
async def test_lost_answers(
    ledger: Ledger, run: Run, if_unknown: IfUnknown, repeats_safely: bool, runs: list[object], went_out: int
) -> None:
    gateway = Scripted(MaybeSent("lost"), MaybeSent("lost"), repeats_safely=repeats_safely)
    sender = Sender(gateway, ledger)

    assert [await send(sender, await run(), if_unknown) for _ in range(3)] == runs
    assert len(gateway.went_out) == went_out


async def test_an_answer_that_came_through_the_second_time_says_that_it_may_be_twice(ledger: Ledger, run: Run) -> None:
    gateway = Scripted(MaybeSent("lost"))
    sender = Sender(gateway, ledger)

    assert await send(sender, await run(), "once") == "MaybeSent"
    assert await send(sender, await run(), "once") == Sent("wamid-2", may_be_twice=True)


async def test_the_last_attempt_does_not_promise_another(ledger: Ledger, run: Run) -> None:
    """Nothing would try again, so it is unconfirmed, and no failure."""
    job = await run()
    job.attempt = job.attempts

    assert await send(Sender(Scripted(MaybeSent("lost")), ledger), job, "once") == Unconfirmed()


async def test_run_that_lost_its_job_sends_nothing(ledger: Ledger, run: Run) -> None:
    gateway = Scripted()
    lost = await run()
    await run()

    assert await send(Sender(gateway, ledger), lost, "once") == "LostJob"
    assert gateway.went_out == []

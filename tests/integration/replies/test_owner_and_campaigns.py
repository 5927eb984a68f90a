"""An owner pauses, resumes and cancels a real campaign by message."""

import time

import pytest

from oxyq import redis_keys
from oxyq.campaigns.for_owners import CampaignsForOwners
from oxyq.clock import now_ms
from oxyq.replies.owner import OwnerDesk
from oxyq.replies.pending import RedisPending
from tests.integration.campaigns.conftest import ORG, Desk, desk, hub, numbers

__all__ = ["desk", "hub"]  # fixtures

OWNER = "5511988880000"


@pytest.fixture
def owners(desk: Desk, prefix: str) -> OwnerDesk:
    """The desk of owners, on these campaigns."""

    async def status() -> str:
        return "tudo em ordem"

    async def silence(organization_id: str, until_ms: int) -> None:
        raise AssertionError("nobody asked for silence")

    pending = RedisPending(desk.redis, lambda org, owner: redis_keys.owner_pending(org, owner, prefix=prefix))
    return OwnerDesk(CampaignsForOwners(desk.control), status, silence, pending, now_ms)


async def test_a_campaign_is_paused_within_a_second_resumed_and_cancelled(
    desk: Desk,
    owners: OwnerDesk,
) -> None:
    await desk.make(numbers(1_500), campaign_id="Natal-2026")
    await desk.plan("Natal-2026")
    await desk.release_some("Natal-2026")
    assert await desk.sends()
    started = time.monotonic()

    heard = await owners.answer(ORG, OWNER, "pausar campanha natal-2026")

    assert time.monotonic() - started < 1
    assert heard.startswith("A campanha Natal-2026 está pausada: 1.500 mensagens ainda não enviadas.")
    assert await desk.sends() == []
    assert (await desk.campaign("Natal-2026")).state == "paused"
    assert (await owners.answer(ORG, OWNER, "pausar campanha natal-2026")).startswith(
        "A campanha Natal-2026 já estava pausada"
    )

    assert "continua" in await owners.answer(ORG, OWNER, "retomar")
    assert (await desk.campaign("Natal-2026")).state in ("planning", "running")

    assert await owners.answer(ORG, OWNER, "cancelar") == (
        "Responda SIM para cancelar a campanha Natal-2026 (1.500 mensagens ainda não enviadas)"
    )
    assert (await desk.campaign("Natal-2026")).state != "cancelled"
    assert "foi cancelada" in await owners.answer(ORG, OWNER, "sim")
    assert (await desk.campaign("Natal-2026")).state == "cancelled"
    assert (await owners.answer(ORG, OWNER, "retomar campanha Natal-2026")) == (
        "Não dá para retomar a campanha Natal-2026: ela está cancelada."
    )
    assert "1.500 canceladas" in await owners.answer(ORG, OWNER, "relatório Natal-2026")

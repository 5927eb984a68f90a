"""Numbers come and go: in the table of all, and among those of their organization."""

import asyncio

import pytest

from oxyq.errors import ConfigurationError, InvalidPayload, NotAllowed, NotFound
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.none import NoGateway
from oxyq.instances import Instance
from oxyq.organizations import Organization
from oxyq.receiving import registration
from oxyq.receiving.pairing import pairing_of
from oxyq.receiving.registration import Registration
from tests.integration.receiving.conftest import INSTANCE, Reception


@pytest.fixture
def numbers(reception: Reception) -> Registration:
    """Of an organization that has `wa_1`."""
    return Registration(reception.app.instances, reception.app.organizations, Gateways(NoGateway()))


async def instances_of(reception: Reception, organization_id: str = "org_1") -> list[str]:
    """Which numbers an organization's settings name."""
    organization = await reception.app.organizations.get(organization_id)
    assert organization is not None
    return organization.instances


async def test_a_new_number_is_its_organization_s_last(reception: Reception, numbers: Registration) -> None:
    for _ in range(2):
        await numbers.save(Instance(id="wa_2", organization_id="org_1", gateway="baileys"))

    assert await instances_of(reception) == ["wa_1", "wa_2"]


async def test_without_its_organization_there_is_no_number(reception: Reception, numbers: Registration) -> None:
    with pytest.raises(NotFound, match="org_9"):
        await numbers.save(Instance(id="wa_2", organization_id="org_9", gateway="baileys"))

    assert await reception.app.instances.get("wa_2") is None


async def test_a_number_of_others_joins_nobody_else(reception: Reception, numbers: Registration) -> None:
    await reception.app.organizations.save(Organization(id="org_2", name="Loja"))

    with pytest.raises(InvalidPayload):
        await numbers.save(Instance(id="wa_1", organization_id="org_2", gateway="baileys"))

    assert await instances_of(reception, "org_2") == []


async def test_an_organization_with_all_the_numbers_it_may_have_gets_no_more(
    reception: Reception, numbers: Registration
) -> None:
    full = Organization(id="org_2", name="Loja", instances=[f"n{number}" for number in range(1000)])
    await reception.app.organizations.save(full)

    with pytest.raises(InvalidPayload) as refused:
        await numbers.save(Instance(id="wa_2", organization_id="org_2", gateway="baileys"))

    assert refused.value.field == "instances"
    assert await reception.app.instances.get("wa_2") is None
    assert len(await instances_of(reception, "org_2")) == 1000


async def test_a_removed_number_is_nowhere(reception: Reception, numbers: Registration) -> None:
    assert await numbers.remove("wa_1")

    assert await instances_of(reception) == []
    assert await reception.app.instances.get("wa_1") is None
    assert not await numbers.remove("wa_1")


async def test_a_bridge_that_does_not_answer_keeps_no_number(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "UNLINK_SECONDS", 0.05)

    class Silent(NoGateway):
        async def pair(self, instance_id: str, phone: str | None = None) -> None:
            """Never."""

        async def logout(self, instance_id: str) -> None:
            """Never answers."""
            await asyncio.get_running_loop().create_future()

    gateways = Gateways(NoGateway(), reception.app.instances, lambda instance, secrets: Silent())
    numbers = Registration(reception.app.instances, reception.app.organizations, gateways)

    assert await numbers.remove(INSTANCE.id)


async def test_a_broken_number_can_be_removed(reception: Reception, numbers: Registration) -> None:
    from oxyq import redis_keys

    await reception.app.redis.hset(redis_keys.instances(prefix=reception.app.hub.prefix), "wa_1", "no JSON")

    assert await numbers.remove("wa_1")
    assert await reception.app.instances.get("wa_1") is None


async def test_a_number_that_is_not_paired_is_not_asked_for_its_secrets(reception: Reception) -> None:
    """Who tries to pair a number of Meta's learns that, and not which of its secrets is missing."""
    meta = Instance(id="wa_2", organization_id="org_1", gateway="cloud", phone_number_id="1122")
    await reception.app.instances.save(meta)

    def make(*_: object) -> NoGateway:
        raise ConfigurationError("access_token: is missing")

    with pytest.raises(NotAllowed, match="only numbers of baileys are paired"):
        await pairing_of(Gateways(NoGateway(), reception.app.instances, make), meta)

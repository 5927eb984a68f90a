"""Which gateway a number goes through: by the server's own table, and for its own organization alone."""

from collections.abc import Mapping

import pytest
import redis.asyncio

from oxyq.gateways.base import Gateway, NeverWill
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.none import NoGateway
from oxyq.instances import Instance, InstanceStore
from oxyq.sealing import Sealer


class Made(NoGateway):
    """A gateway that remembers what it was made of."""

    def __init__(self, instance: Instance, secrets: Mapping[str, str]) -> None:
        self.instance, self.secrets = instance, dict(secrets)


@pytest.fixture
def store(redis_client: "redis.asyncio.Redis", prefix: str) -> InstanceStore:
    """The table of this test's installation."""
    return InstanceStore(redis_client, lambda: Sealer("k" * 32), prefix=prefix)


def instance(**changes: str) -> Instance:
    return Instance.model_validate(
        {"id": "wa_1", "organizationId": "org_1", "gateway": "cloud", "phoneNumberId": "1", **changes}
    )


async def test_a_number_goes_through_what_its_row_says_and_all_others_through_the_default(store: InstanceStore) -> None:
    default: Gateway = NoGateway()
    gateways = Gateways(default, store, Made)
    await store.save(instance())
    await store.set_secret(instance(), "access_token", "abc")

    made = await gateways.of("wa_1")

    assert isinstance(made, Made)
    assert (made.instance.phone_number_id, made.secrets) == ("1", {"access_token": "abc"})
    assert await gateways.of("wa_2") is default
    assert await gateways.of(None) is default


async def test_a_changed_row_or_secret_is_heeded_and_an_unchanged_one_keeps_its_gateway(
    store: InstanceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oxyq.gateways.by_instance.RECENT_SECONDS", 0)
    gateways = Gateways(NoGateway(), store, Made)
    await store.save(instance())
    first = await gateways.of("wa_1")
    assert await gateways.of("wa_1") is first

    await store.set_secret(instance(), "access_token", "new")
    second = await gateways.of("wa_1")
    await store.save(instance(phoneNumberId="2"))
    third = await gateways.of("wa_1")

    assert second is not first and third is not second
    assert isinstance(third, Made) and third.instance.phone_number_id == "2"


async def test_nobody_sends_by_the_number_of_another_organization(store: InstanceStore) -> None:
    """Whatever a job says: organization and instance are two fields that somebody wrote."""
    gateways = Gateways(NoGateway(), store, Made)
    await store.save(instance())

    assert isinstance(await gateways.for_organization("org_1", "wa_1"), Made)
    for _ in range(2):  # looked up, and from memory
        with pytest.raises(NeverWill, match="'wa_1' is not a number of this organization"):
            await gateways.for_organization("org_2", "wa_1")

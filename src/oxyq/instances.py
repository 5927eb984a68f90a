"""The WhatsApp numbers of all organizations: whose they are, through which gateway, and the secrets of that gateway."""

import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, cast
from urllib.parse import urlsplit

import redis.asyncio
from pydantic import AfterValidator, BaseModel, Field, model_validator

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, Id, InstanceId, OrganizationId, parse_stored, wire
from oxyq.limits import GatewayName
from oxyq.redis_connection import as_unavailable
from oxyq.sealing import Sealer

SECRETS: Final[Mapping[GatewayName, tuple[str, ...]]] = {
    "simulator": (),
    "cloud": ("access_token", "app_secret", "verify_token"),
    "baileys": (),
    "evolution": ("api_key", "webhook_token"),
    "waha": ("api_key", "webhook_secret"),
}
"""Which secrets an instance has, by its gateway. The bridge's key is one for all, in the environment."""

LONGEST_SECRET: Final = 4096
#: Numbers asked about in one round trip.
_AT_ONCE: Final = 500


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be the address of the server, such as https://evolution.example.com")
    return url.rstrip("/")


class Instance(BaseModel):
    """One number of an organization, and the way to it. Ids are unique among all organizations: webhooks name them."""

    model_config = WIRE_CONFIG

    id: InstanceId
    organization_id: OrganizationId
    gateway: GatewayName
    phone_number_id: Id | None = Field(default=None, description="Meta's id of the number (gateway cloud)")
    server: Annotated[str, AfterValidator(_checked_url)] | None = Field(
        default=None, description="the address of the Evolution or WAHA server (gateways evolution, waha)"
    )
    server_instance: Id | None = Field(
        default=None, description="the name of its instance or session there; without it, its id here"
    )
    hears_groups: bool = Field(default=False, description="whether messages of groups come in too")

    @model_validator(mode="after")
    def _has_what_its_gateway_needs(self) -> "Instance":
        if self.gateway == "cloud" and self.phone_number_id is None:
            raise InvalidPayload("phoneNumberId", "is missing; Meta shows it under WhatsApp, API Setup")
        if self.gateway in ("evolution", "waha") and self.server is None:
            example = f"https://{self.gateway}.example.com"
            raise InvalidPayload("server", f"is missing; give the address, such as {example}")
        return self


@dataclass(frozen=True, slots=True)
class KnownState:
    """How a number stood when something was last heard of it (ms since 1970)."""

    state: str
    detail: str
    at_ms: int


class InstanceStore:
    """The instances in Redis; secrets are sealed. All raise QueueUnavailable without Redis."""

    def __init__(self, client: redis.asyncio.Redis, sealer: Callable[[], Sealer], *, prefix: str = "bull") -> None:
        self._client = client
        self._make_sealer = sealer  # asked for only when there is a secret: most processes never need the key
        self._prefix = prefix

    @cached_property
    def _sealer(self) -> Sealer:
        return self._make_sealer()

    async def get(self, instance_id: str) -> Instance | None:
        """The instance, or None; InvalidPayload if it is broken."""
        with as_unavailable("instances"):
            stored = await cast("Awaitable[str | None]", self._client.hget(self._table, instance_id))
        return None if stored is None else _decoded(instance_id, stored)

    async def list(self) -> list[Instance]:
        """All instances, by id; broken ones are left out with a line in the log, so that one harms no other."""
        with as_unavailable("instances"):
            stored = await cast("Awaitable[dict[str, str]]", self._client.hgetall(self._table))
        found = list[Instance]()
        for instance_id in sorted(stored):
            try:
                found.append(_decoded(instance_id, stored[instance_id]))
            except InvalidPayload as error:
                logging.getLogger("oxyq").warning("%s", error)
        return found

    async def count(self) -> int:
        """How many there are."""
        with as_unavailable("instances"):
            return await self._client.hlen(self._table)

    async def save(self, instance: Instance) -> None:
        """Store it, in place of what was there; InvalidPayload when another organization has this id."""
        try:
            before = await self.get(instance.id)
        except InvalidPayload:
            before = None  # broken: replacing it is the cure
        if before is not None and before.organization_id != instance.organization_id:
            raise InvalidPayload("id", "belongs to another organization; ids are unique among all, so choose another")
        with as_unavailable("instances"):
            text = json.dumps(wire(instance), ensure_ascii=False)
            await self._client.hset(self._table, instance.id, text)

    async def remove(self, instance_id: str) -> bool:
        """Forget it, with its secrets and state; False when there was none."""
        with as_unavailable("instances"):
            async with self._client.pipeline(transaction=True) as both:
                both.hdel(self._table, instance_id)
                both.zrem(redis_keys.numbers_away(prefix=self._prefix), instance_id)
                # Its session too: whoever gets this id next must not get the phone that was linked under it. Without
                # its lease the bridge that has it closes it.
                both.delete(
                    self._secrets(instance_id),
                    self._state(instance_id),
                    redis_keys.bridge_auth(instance_id, prefix=self._prefix),
                    redis_keys.bridge_lease(instance_id, prefix=self._prefix),
                )
                return bool((await both.execute())[0])

    async def set_secret(self, instance: Instance, name: str, value: str) -> None:
        """Seal and store one secret; InvalidPayload when its gateway has none of this name."""
        if name not in SECRETS[instance.gateway]:
            known = ", ".join(SECRETS[instance.gateway]) or "none"
            raise InvalidPayload("name", f"is no secret of the gateway {instance.gateway}; it has: {known}")
        if not value.strip() or len(value) > LONGEST_SECRET or value != value.strip() or not value.isprintable():
            raise InvalidPayload(name, f"must be 1 to {LONGEST_SECRET} printable characters without spaces around them")
        sealed = self._sealer.seal(value, f"{instance.id}:{name}")
        with as_unavailable("instances"):
            await self._client.hset(self._secrets(instance.id), name, sealed)

    async def secrets(self, instance: Instance) -> dict[str, str]:
        """The secrets that are stored, by name; ConfigurationError when the key does not open them."""
        with as_unavailable("instances"):
            stored = await cast("Awaitable[dict[str, str]]", self._client.hgetall(self._secrets(instance.id)))
        return {name: self._sealer.open(sealed, f"{instance.id}:{name}") for name, sealed in stored.items()}

    async def secret_names(self, instance: Instance) -> set[str]:
        """Which secrets are stored, whether our key opens them or not."""
        with as_unavailable("instances"):
            return set(await cast("Awaitable[list[str]]", self._client.hkeys(self._secrets(instance.id))))

    async def note_state(self, instance_id: str, state: str, detail: str = "") -> None:
        """Remember how the number stands."""
        away, now = redis_keys.numbers_away(prefix=self._prefix), now_ms()
        with as_unavailable("instances"):
            async with self._client.pipeline(transaction=True) as both:
                both.hset(self._state(instance_id), mapping={"state": state, "detail": detail[:500], "at": str(now)})
                if state == "open":
                    both.zrem(away, instance_id)
                else:
                    both.zadd(away, {instance_id: now}, nx=True)  # since when, and not since the last word of it
                await both.execute()

    async def known_state(self, instance_id: str) -> KnownState | None:
        """What was last heard; None when nothing ever was."""
        return (await self.known_states([instance_id]))[0]

    async def known_states(self, instance_ids: Sequence[str]) -> Sequence[KnownState | None]:
        """The same of several, in their order, in one round trip."""
        with as_unavailable("instances"):
            async with self._client.pipeline(transaction=False) as all_of_them:
                for instance_id in instance_ids:
                    all_of_them.hgetall(self._state(instance_id))
                return [_known(stored) for stored in await all_of_them.execute()]

    async def states(self) -> dict[str, int]:
        """How many numbers were last heard to be in which state; `unknown`: never heard of."""
        counts = Counter[str]()
        with as_unavailable("instances"):
            ids = await cast("Awaitable[list[str]]", self._client.hkeys(self._table))
            for start in range(0, len(ids), _AT_ONCE):
                async with self._client.pipeline(transaction=False) as asked:
                    for instance_id in ids[start : start + _AT_ONCE]:
                        asked.hget(self._state(instance_id), "state")
                    counts.update(state or "unknown" for state in await asked.execute())
        return dict(counts)

    @property
    def _table(self) -> str:
        return redis_keys.instances(prefix=self._prefix)

    def _secrets(self, instance_id: str) -> str:
        return redis_keys.instance_secrets(instance_id, prefix=self._prefix)

    def _state(self, instance_id: str) -> str:
        return redis_keys.instance_state(instance_id, prefix=self._prefix)


def _known(stored: Mapping[str, str]) -> KnownState | None:
    if not stored:
        return None
    return KnownState(stored.get("state", "unknown"), stored.get("detail", ""), int(stored.get("at", "0")))


def _decoded(instance_id: str, stored: str) -> Instance:
    try:
        return parse_stored(Instance, json.loads(stored))
    except InvalidPayload as error:
        (name, problem), *more = error.problems
        raise InvalidPayload(f"instance {instance_id}, {name}", problem, more) from None
    except ValueError:
        raise InvalidPayload(f"instance {instance_id}", "is no JSON in Redis; set it again") from None

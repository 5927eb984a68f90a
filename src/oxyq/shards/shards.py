"""All shards of one process: an app for each, the list of who is where, and on each who is not there any more."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

from oxyq import redis_keys
from oxyq.app import App, open_app
from oxyq.errors import ConfigurationError, InvalidPayload, OrganizationMoving
from oxyq.settings import HOME, Settings
from oxyq.shards.place import Place, read_place
from oxyq.shards.watched import WatchedHash
from oxyq.telemetry.events import Telemetry

#: On a shard, of an organization that is on its way to or from there.
MOVING: Final = ">"
#: A number hardly ever changes hands; who does not own it any more is told so by their own shard.
_OWNER_SECONDS: Final = 60.0
_MOST_OWNERS: Final = 10_000


class Shard:
    """One of them: its app, and the fence that says for which organizations nothing is done here.

    The fence lies in the shard's own Redis, so that each shard goes on whatever becomes of the others.
    """

    def __init__(self, name: str, app: App) -> None:
        self.name = name
        self.app = app
        self.away = WatchedHash(app.hub, redis_keys.shards_away(prefix=app.settings.redis_prefix))

    async def is_at_home_here(self, organization_id: str) -> bool:
        """Whether work for this organization may be done here. Raises QueueUnavailable.

        Asked after something was done, it says whether that counts: a move waits until whoever did not know of it has
        either heard of it or asked here before it began.
        """
        return organization_id not in await self.away.read()


class Shards:
    """The shards by name, home first. Everything raises QueueUnavailable, and ConfigurationError for a shard that the
    list at home names and OXYQ_REDIS_SHARDS does not."""

    def __init__(self, shards: Mapping[str, Shard]) -> None:
        self.by_name = shards
        home = self.home.app
        self._owners: dict[str, tuple[float, str]] = {}
        self._list = WatchedHash(home.hub, redis_keys.shards(prefix=home.settings.redis_prefix))

    @property
    def home(self) -> Shard:
        """Where everybody is who was put nowhere else; tokens, sessions and this list are there."""
        return self.by_name[HOME]

    def named(self, name: str) -> Shard:
        """The shard of this name."""
        if name not in self.by_name:
            raise ConfigurationError(
                f"there is no shard {name}; known are {', '.join(self.by_name)} (OXYQ_REDIS_SHARDS)"
            )
        return self.by_name[name]

    async def place(self, organization_id: str) -> Place:
        """Where an organization is, as every process may believe it."""
        return _place((await self._list.read_or_last()).get(organization_id))

    async def place_now(self, organization_id: str) -> Place:
        """Where it is at this moment."""
        return _place(await self._list.now(organization_id))

    async def places(self) -> dict[str, Place]:
        """Where those are who were ever put somewhere, or are on their way."""
        self._list.doubt()
        return {name: _place(text) for name, text in (await self._list.read()).items() if name}

    async def change(self, organization_id: str, before: Place, after: Place) -> bool:
        """Write down another place, if it still is at `before`."""
        return await self._list.change(organization_id, _written(before), _written(after))

    async def of(self, organization_id: str) -> Shard:
        """The shard where work for an organization is done; OrganizationMoving while there is none."""
        place = await self.place(organization_id)
        shard = self.named(place.shard)
        if place.is_moving or not await shard.is_at_home_here(organization_id):
            self._list.doubt()
            raise OrganizationMoving(organization_id)
        return shard

    async def of_instance(self, instance_id: str) -> tuple[Shard, str | None]:
        """The shard of a number, and the organization that has it; home when nobody has it. As `of` raises."""
        asked, now = self._owners.get(instance_id), time.monotonic()
        if asked is not None and now < asked[0]:
            return await self.of(asked[1]), asked[1]
        for shard in self.by_name.values():
            try:
                found = await shard.app.instances.get(instance_id)
            except InvalidPayload:
                return shard, None  # it is there, and broken: its own door says so
            if found is not None:
                if len(self._owners) >= _MOST_OWNERS:
                    self._owners.clear()
                self._owners[instance_id] = (now + _OWNER_SECONDS, found.organization_id)
                return await self.of(found.organization_id), found.organization_id
        return self.home, None


@asynccontextmanager
async def open_shards(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[Shards]:
    """An app for each shard of these settings, over one telemetry; nothing is connected before it is needed."""
    async with AsyncExitStack() as stack:
        apps = {
            name: await stack.enter_async_context(open_app(settings.of_shard(name), telemetry))
            for name in settings.shards
        }
        yield Shards({name: Shard(name, _let_in_at_home(app, apps[HOME])) for name, app in apps.items()})


def _let_in_at_home(app: App, home: App) -> App:
    """Who may do what is known at home, wherever it is done."""
    if app is home:
        return app
    return replace(
        app,
        revocations=home.revocations,
        sessions=home.sessions,
        login_links=home.login_links,
        login_attempts=home.login_attempts,
    )


def _place(text: str | None) -> Place:
    if text is None:
        return Place(HOME)
    try:
        return read_place(text)
    except ValueError as error:
        raise ConfigurationError(f"{error}: somebody changed the list of shards by hand") from None


def _written(place: Place) -> str | None:
    return None if place == Place(HOME) else place.text

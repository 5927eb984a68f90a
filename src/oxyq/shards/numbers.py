"""The numbers that bridges hold for an organization: taken from them while it moves, so that none is open twice."""

from pathlib import Path
from typing import Final

from oxyq import redis_keys
from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.engine.lua_runner import Script, ScriptRunner

#: A move that broke off is run again; till then no bridge may open the number on either side.
_LEASE_MS: Final = 24 * 3600 * 1000

_TAKE: Final = Script.build(
    "take_number", (Path(__file__).parent / "lua" / "take_number.lua").read_text(encoding="utf-8"), allow_oom=True
)


async def bridged_numbers(app: App, organization_id: str) -> list[str]:
    """The ids of the numbers of an organization that go through a bridge."""
    found = await app.instances.list()
    return [one.id for one in found if one.organization_id == organization_id and one.gateway == "baileys"]


async def take_numbers(app: App, numbers: list[str]) -> None:
    """Take these numbers: a bridge that has one closes it, and what it still writes of its keys is refused."""
    prefix, runner = app.settings.redis_prefix, ScriptRunner(app.hub.commands)
    await app.hub.commands.ready()
    for number in numbers:
        keys = [redis_keys.bridge_lease(number, prefix=prefix), redis_keys.bridge_fence(number, prefix=prefix)]
        await runner.run(_TAKE, keys, [now_ms(), _LEASE_MS])


async def give_numbers(app: App, numbers: list[str]) -> None:
    """Let bridges have them again."""
    await app.hub.commands.ready()
    for number in numbers:
        await app.hub.commands.call("DEL", redis_keys.bridge_lease(number, prefix=app.settings.redis_prefix))

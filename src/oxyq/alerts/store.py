"""Alerts in Redis: those there are, what is silenced, and whose turn it is to look."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from oxyq import redis_keys
from oxyq.alerts.alert import Alert, from_json, to_json
from oxyq.clock import now_ms
from oxyq.engine.connection import Argument, Reply
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.engine.scripts import as_text
from oxyq.redis_keys import ALERTS_SECONDS

_READY_SECONDS: Final = 5.0


def _script(name: str) -> Script:
    text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    # When memory is full is when somebody must be told, and told once.
    return Script.build(name, text, allow_oom=True)


_TURN: Final = _script("turn")
_SAVE: Final = _script("save")
EVERYTHING: Final = "*"
"""The silence of all alerts."""


class AlertStore:
    """The alerts of one installation. All raise QueueUnavailable."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._runner = ScriptRunner(hub.commands)
        self._token = secrets.token_hex(8)

    async def all(self) -> list[Alert]:
        """Every alert that is remembered, the newest first."""
        fields = await self._hash(redis_keys.alerts(prefix=self._hub.prefix))
        alerts = (from_json(written) for written in fields.values())
        return sorted((one for one in alerts if one is not None), key=lambda one: one.since_ms, reverse=True)

    async def firing(self, organization_id: str | None = None) -> list[Alert]:
        """Those that hold now: of everybody, or of one organization only its own."""
        return [
            one for one in await self.all() if one.state == "firing" and organization_id in (None, one.organization_id)
        ]

    async def save(self, changed: Iterable[Alert], gone: Iterable[str]) -> None:
        """Write what a look changed; nothing to write costs nothing."""
        names = list(gone)
        fields: list[Argument] = [part for alert in changed for part in (alert.id, to_json(alert))]
        if names or fields:
            await self._run(
                _SAVE, redis_keys.alerts(prefix=self._hub.prefix), [ALERTS_SECONDS, len(names), *names, *fields]
            )

    # --- silence ----------------------------------------------------------------------------------------------

    async def silences(self) -> Mapping[str, int]:
        """Until when (ms since 1970) nothing is told: by the id of an alert, a rule's name, or EVERYTHING."""
        fields = await self._hash(redis_keys.alert_silences(prefix=self._hub.prefix))
        until = {name: as_int(written) or 0 for name, written in fields.items()}
        now = now_ms()
        return {name: at_ms for name, at_ms in until.items() if at_ms > now}

    async def silence(self, what: str, until_ms: int) -> None:
        """Tell nobody of it until then."""
        key = redis_keys.alert_silences(prefix=self._hub.prefix)
        await asyncio.gather(self._call("HSET", key, what, until_ms), self._call("EXPIRE", key, ALERTS_SECONDS))

    async def end_silence(self, what: str) -> bool:
        """Tell of it again; False when it was not silenced."""
        return await self._call("HDEL", redis_keys.alert_silences(prefix=self._hub.prefix), what) == 1

    # --- whose turn it is -------------------------------------------------------------------------------------

    async def take_turn(self, seconds: float) -> bool:
        """Whether this process is the one that looks; it stays so while it asks again within `seconds`."""
        key = redis_keys.alert_lease(prefix=self._hub.prefix)
        return await self._run(_TURN, key, [self._token, round(seconds * 1000)]) == 1

    async def _hash(self, key: str) -> dict[str, bytes]:
        reply = await self._call("HGETALL", key)
        flat = iter(reply if isinstance(reply, list) else ())
        return {as_text(name): value for name, value in zip(flat, flat, strict=True) if isinstance(value, bytes)}

    async def _run(self, script: Script, key: str, arguments: list[Argument]) -> Reply:
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._runner.run(script, [key], arguments)

    async def _call(self, *command: Argument) -> Reply:
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._hub.commands.call(*command)


def is_silenced(alert: Alert, silences: Mapping[str, int], at_ms: int) -> bool:
    """Whether nobody is to be told of it now."""
    return any(silences.get(name, 0) > at_ms for name in (alert.id, alert.rule, EVERYTHING))

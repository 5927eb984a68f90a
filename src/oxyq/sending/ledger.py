"""The ledger: one entry per message, written before it goes out and after, so that a crash cannot send it twice.

No queue can close the gap between "WhatsApp took it" and "we wrote that down". What happens in it is *unknown*, and
said to be so; what to do then depends on what kind of message it is (`IfUnknown`).
"""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.connection import Argument, ConnectionLost, Reply
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.engine.keys import QueueKeys
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.errors import QueueUnavailable
from oxyq.organizations import FrequencyCap

IfUnknown: TypeAlias = Literal["never", "once", "same"]
"""An earlier run may have sent it: never send it again, send it once more, or send it under the same id, which the
other side takes for one message."""

State: TypeAlias = Literal[
    "planned", "sending", "sent", "delivered", "read", "failed", "refused", "unconfirmed", "skipped"
]
"""`planned`: nothing was tried yet, and there is no entry. `refused`: nothing went out, and it may be tried again.
`failed`: WhatsApp took it, and refused it later. `skipped`: not to be sent, for the entry's reason."""

News: TypeAlias = Literal["sent", "delivered", "read", "failed"]
"""What a gateway may say later of a message."""

Why: TypeAlias = Literal["paused", "cancelled", "opted_out", "capped"]
"""Why a campaign's message is kept back at the last moment."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of a message; `provider_id` is WhatsApp's, `is_repeated`: it may have gone out twice."""

    state: State
    at_ms: int
    provider_id: str | None
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """What a campaign's message must pass at the last moment: its campaign still runs, the contact still wants it,
    and has not heard from us more often than `cap` allows."""

    campaign_id: str
    contact: str
    cap: FrequencyCap | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to "may I send this?".

    `verdict`: "send"; "again", though it may have gone out; "sent" before, as `detail`; "unconfirmed", and not to be
    sent again; "fenced", since the job belongs to somebody else by now; "kept" back, with the reason as `detail`.
    """

    verdict: Literal["send", "again", "sent", "unconfirmed", "fenced", "kept"]
    detail: str = ""
    held_ms: int | None = None
    """The time that the limits promised it when it was put off (ms since 1970)."""
    ours_until: float = field(default=0.0, compare=False)
    """Until when nobody else can have been given the job, renewals apart (`time.monotonic()`); for "send", "again"."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Whether it was news, and whose campaign's message it is, if it is one."""

    is_news: bool
    campaign_id: str | None
    contact: str | None


class Ledger:
    """The entries of all organizations; each lives 8 days after the last news of it, as ids are remembered."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._runner = ScriptRunner(hub.commands)
        #: The loop itself does not keep its tasks alive.
        self._insisting = set[asyncio.Task[bool]]()

    async def claim(
        self, job: Job, organization_id: str, key: str, if_unknown: IfUnknown, gate: Gate | None = None
    ) -> Claim:
        """Claim the message `key` for this run of a job; raises QueueUnavailable, and then nothing may go out."""
        keys = [self._entry(organization_id, key), QueueKeys(job.queue, self._hub.prefix).lock(job.id)]
        arguments: list[Argument] = [job.token, now_ms(), _LIFE_MS, if_unknown, 0]
        if gate is not None:
            keys += [
                redis_keys.campaign(organization_id, gate.campaign_id, prefix=self._hub.prefix),
                redis_keys.contact(organization_id, gate.contact, prefix=self._hub.prefix),
                redis_keys.campaign_messages(organization_id, gate.contact, prefix=self._hub.prefix),
            ]
            cap = gate.cap
            most, in_ms = ("", 0) if cap is None else (cap.messages, cap.days * _DAY_MS)
            arguments += [gate.campaign_id, gate.contact, most, in_ms, max(in_ms, _DAY_MS)]
        asked = time.monotonic()
        reply = await self._run(_CLAIM, keys, arguments, again=[*arguments[:4], 1, *arguments[5:]])
        verdict, *detail = _texts(reply)
        if verdict in ("send", "again"):
            held, lock_ms = detail
            return Claim(
                verdict,  # type: ignore[arg-type]  # as the script says
                held_ms=int(held) if held else None,
                ours_until=asked + int(lock_ms) / 1000,
            )
        return Claim(verdict, detail[0] if detail else "")  # type: ignore[arg-type]  # as the script says

    async def sent(self, job: Job, organization_id: str, key: str, provider_id: str) -> bool:
        """It went out; False when news came before that WhatsApp refused it after all.

        While Redis is away or refuses, it is said again, also when the run is cancelled: whoever finds no word of it
        may send it once more. Raises QueueUnavailable when that takes too long, and then the next run will not know.
        """
        try:
            return await self._settle(job, organization_id, key, "sent", provider_id) != 2
        except asyncio.CancelledError:
            self._insist(job, organization_id, key, provider_id)
            raise
        except QueueUnavailable:
            return await asyncio.shield(self._insist(job, organization_id, key, provider_id))

    async def refused(
        self, job: Job, organization_id: str, key: str, gate: Gate | None = None, *, held_ms: int | None = None
    ) -> None:
        """Nothing went out, so that the next run may send it as if there had been none.

        `held_ms`: the limits promise it that time (ms since 1970), which its next claim gives back.
        """
        await self._settle(job, organization_id, key, "refused", gate=gate, held_ms=held_ms)

    async def unconfirmed(self, job: Job, organization_id: str, key: str) -> None:
        """Nobody knows, and nobody will try again by himself."""
        await self._settle(job, organization_id, key, "unconfirmed")

    async def known_as(self, organization_id: str, instance_id: str, provider_id: str, key: str) -> None:
        """WhatsApp knows the message `key` by this id: news of it will name nothing else."""
        index = redis_keys.provider_message(organization_id, instance_id, provider_id, prefix=self._hub.prefix)
        await self._hub.commands.ready(_READY_SECONDS)
        await self._hub.commands.call("SET", index, key, "EX", redis_keys.MESSAGE_SECONDS)

    async def key_of(self, organization_id: str, instance_id: str, provider_id: str) -> str | None:
        """Our key of the message that WhatsApp knows by this id; None when it is none of ours, or long past."""
        index = redis_keys.provider_message(organization_id, instance_id, provider_id, prefix=self._hub.prefix)
        await self._hub.commands.ready(_READY_SECONDS)
        reply = await self._hub.commands.call("GET", index)
        return reply.decode() if isinstance(reply, bytes) else None

    async def advance(
        self, organization_id: str, key: str, news: News, *, at_ms: int, provider_id: str = ""
    ) -> Advance:
        """What the gateway says later; older news than what is known changes nothing."""
        reply = await self._run(_ADVANCE, [self._entry(organization_id, key)], [news, at_ms, _LIFE_MS, provider_id])
        campaign_id, contact = _texts(reply)
        return Advance(isinstance(reply, list) and reply[0] == 1, campaign_id or None, contact or None)

    async def entry(self, organization_id: str, key: str) -> Entry | None:
        """What is known of a message; None when it was never claimed, or is long past."""
        await self._hub.commands.ready(_READY_SECONDS)
        reply = await self._hub.commands.call(
            "HMGET", self._entry(organization_id, key), "state", "at", "provider", "repeated"
        )
        state, at, provider_id, repeated = reply if isinstance(reply, list) else [None] * 4
        if not isinstance(state, bytes) or not isinstance(at, bytes):
            return None
        provider = provider_id.decode() if isinstance(provider_id, bytes) else None
        return Entry(state.decode(), int(at), provider, repeated is not None)  # type: ignore[arg-type]  # written here

    def _insist(self, job: Job, organization_id: str, key: str, provider_id: str) -> "asyncio.Task[bool]":
        async def say() -> bool:
            deadline = time.monotonic() + _SENT_SECONDS
            while True:
                try:
                    return await self._settle(job, organization_id, key, "sent", provider_id) != 2
                except QueueUnavailable:
                    if time.monotonic() > deadline:
                        raise
                await asyncio.sleep(_SENT_PAUSE_SECONDS)

        insisting = asyncio.get_running_loop().create_task(say())
        self._insisting.add(insisting)
        insisting.add_done_callback(self._has_insisted)
        return insisting

    def _has_insisted(self, insisting: "asyncio.Task[bool]") -> None:
        self._insisting.discard(insisting)
        if not insisting.cancelled():
            insisting.exception()  # perhaps nobody waits for it any more

    async def _settle(
        self,
        job: Job,
        organization_id: str,
        key: str,
        state: State,
        provider_id: str = "",
        gate: Gate | None = None,
        held_ms: int | None = None,
    ) -> Reply:
        keys = [self._entry(organization_id, key)]
        if gate is not None:
            keys.append(redis_keys.campaign_messages(organization_id, gate.contact, prefix=self._hub.prefix))
        held = "" if held_ms is None else held_ms
        arguments: list[Argument] = [state, job.token, now_ms(), _LIFE_MS, provider_id, held]
        return await self._run(_SETTLE, keys, arguments, again=arguments)

    async def _run(
        self, script: Script, keys: list[str], arguments: list[Argument], *, again: list[Argument] | None = None
    ) -> Reply:
        """`again`: to be said when the connection broke, and nobody knows whether it was heard."""
        await self._hub.commands.ready(_READY_SECONDS)
        try:
            return await self._runner.run(script, keys, arguments)
        except ConnectionLost:
            if again is None:
                raise
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._runner.run(script, keys, again)

    def _entry(self, organization_id: str, key: str) -> str:
        return redis_keys.message(organization_id, key, prefix=self._hub.prefix)


def _script(name: str) -> Script:
    text = (Path(__file__).parent / f"{name}.lua").read_text(encoding="utf-8")
    # Also when memory is full: what went out must be written down, or it would go out again.
    return Script.build(name, text, allow_oom=True)


_CLAIM: Final = _script("claim")
_SETTLE: Final = _script("settle")
_ADVANCE: Final = _script("advance")
_DAY_MS: Final = 24 * 3600 * 1000
_LIFE_MS: Final = redis_keys.MESSAGE_SECONDS * 1000
#: Redis being away for longer fails the attempt, and a later one sends.
_READY_SECONDS: Final = 5.0
#: How long a run that has sent something tries to write that down: half the time that a queue gives it.
_SENT_SECONDS: Final = 30.0
_SENT_PAUSE_SECONDS: Final = 0.2


def _texts(reply: Reply) -> list[str]:
    return [part.decode() for part in reply if isinstance(part, bytes)] if isinstance(reply, list) else []

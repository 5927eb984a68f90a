"""Every question to Redis about conversations; each change is one script of lua/."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ValidationError

from oxyq import redis_keys
from oxyq.answering import ConversationSettings
from oxyq.clock import now_ms
from oxyq.conversations.entry import Answer, Entry, HistoryLine, Turn
from oxyq.conversations.sealed_texts import opened, opened_turn, sealed
from oxyq.engine.connection import Argument, Reply
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.engine.keys import QueueKeys
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.jobs import InboundMessage, wire
from oxyq.text_keys import TextKey, TextKeys

Committed: TypeAlias = Literal["kept", "fenced", "newer", "person"]


@dataclass(frozen=True, slots=True)
class Place:
    """Which chat: of whom, by which number, with whom."""

    organization_id: str
    instance_id: str
    contact: str

    @property
    def name(self) -> str:
        """What it is called in the list of its organization's chats."""
        # A contact has no space, so what stands before it is the instance, whatever that is called.
        return f"{self.instance_id} {self.contact}"


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat for people who look: its last message, until when we are silent, since when somebody waits (ms).

    `address` is what the person wrote from last, `name` what they call themselves, `last_in_ms` when they last wrote;
    None while they have not written.
    """

    place: Place
    last_ms: int
    silent_until_ms: int | None
    waits_since_ms: int | None
    is_being_answered: bool
    address: str | None = None
    name: str | None = None
    last_in_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """How many messages wait for the next turn (-1: the turn was not this job's any more), and whether a person is to
    be told that somebody waits for them."""

    left: int
    tell_a_person: bool


class ConversationStore:
    """The chats of all organizations. All raise QueueUnavailable without Redis."""

    def __init__(self, hub: Hub, keys: TextKeys | None = None) -> None:
        self._hub = hub
        self._keys = keys
        self._runner = ScriptRunner(hub.commands)

    async def join(
        self, job: Job, place: Place, message: InboundMessage, settings: ConversationSettings, known_as: str
    ) -> Turn | Literal["seen", "joined"]:
        """Bring a message into its chat; the chat's turn if this job has it, else why it has not.

        `known_as` is the person's number where it is known: reminders go by it.
        """
        now, key = now_ms(), await self._text_key(place.organization_id)
        entry = sealed(Entry.of(message, job.timestamp_ms or now, now), key)
        keys = [
            self._conversation(place),
            self._inbox(place),
            self._seen(place),
            self._history(place),
            redis_keys.conversations(place.organization_id, prefix=self._hub.prefix),
            redis_keys.last_wrote(place.organization_id, known_as, prefix=self._hub.prefix),
            redis_keys.silence(place.organization_id, prefix=self._hub.prefix),
        ]
        jobs = QueueKeys(job.queue, self._hub.prefix).job("")
        reply = await self._run(
            _JOIN,
            keys,
            [
                job.id, entry.digest, _json(entry), now, place.name, entry.at, jobs, _REMEMBER_MS, _LIFE_MS,
                settings.history_messages,
            ],
        )  # fmt: skip
        verdict = reply[0] if isinstance(reply, list) else b""
        if verdict == b"seen":
            return "seen"
        return opened_turn(_turn(reply, now), key) if verdict == b"turn" else "joined"

    async def commit(
        self, job: Job, place: Place, turn: Turn, answer: Answer, *, is_final: bool, whoever_took_over: bool
    ) -> Committed:
        """Keep the answer of this job's turn; `is_final`: also when somebody wrote since the turn was read."""
        keys = [self._conversation(place), self._inbox(place), self._lock(job)]
        answer = sealed(answer, await self._text_key(place.organization_id))
        arguments: list[Argument] = [
            job.id, job.token, _json(answer), len(turn.entries), now_ms(), int(is_final), int(whoever_took_over),
        ]  # fmt: skip
        return _text(await self._run(_COMMIT, keys, arguments))  # type: ignore[return-value]  # as the script says

    async def finish(
        self,
        job: Job,
        place: Place,
        entries: Sequence[Entry],
        lines: Sequence[HistoryLine],
        settings: ConversationSettings,
        *,
        silent_until_ms: int | None = None,
        is_waiting: bool = False,
    ) -> Finished:
        """End this job's turn: these entries are answered, and with `lines` the history goes on."""
        keys = [self._conversation(place), self._inbox(place), self._history(place), self._lock(job)]
        key = await self._text_key(place.organization_id)
        said = [_json(sealed(line, key)) for line in lines]
        arguments: list[Argument] = [
            job.id, job.token, now_ms(), settings.history_messages, settings.history_days * _DAY_MS,
            "" if silent_until_ms is None else silent_until_ms, int(is_waiting),
            settings.person_minutes * 60_000, *(entry.digest for entry in entries), "", *said,
        ]  # fmt: skip
        reply = await self._run(_FINISH, keys, arguments)
        left, newly = reply if isinstance(reply, list) else (-1, 0)
        return Finished(_int(left), newly == 1)

    async def tried(self, place: Place) -> None:
        """An answer could not be made, and is tried again."""
        await self._call("HINCRBY", self._conversation(place), "tries", 1)

    async def reopen(self, place: Place) -> None:
        """An answer is thrown away, since somebody wrote meanwhile."""
        await self._call("HINCRBY", self._conversation(place), "reopened", 1)

    async def changed(self, place: Place, turn: Turn) -> bool:
        """Whether somebody wrote, or a person took over, since this turn was read."""
        waiting, silent = await asyncio.gather(
            self._call("LLEN", self._inbox(place)), self._call("HGET", self._conversation(place), "silentUntil")
        )
        is_silent = isinstance(silent, bytes) and int(silent) > max(now_ms(), turn.silent_until_ms)
        return is_silent or (isinstance(waiting, int) and waiting > len(turn.entries))

    async def take_over(
        self, place: Place, settings: ConversationSettings, until_ms: int, line: HistoryLine | None = None
    ) -> bool:
        """Be silent in a chat until then; False when this line of a person was heard before."""
        keys = [
            self._conversation(place),
            self._history(place),
            redis_keys.conversations(place.organization_id, prefix=self._hub.prefix),
            self._seen(place),
        ]
        if line is not None:
            line = sealed(line, await self._text_key(place.organization_id))
        arguments: list[Argument] = [
            until_ms, now_ms(), place.name, _LIFE_MS, settings.history_messages, settings.history_days * _DAY_MS,
            "" if line is None else _json(line), "" if line is None else f"person {line.id}", _REMEMBER_MS,
        ]  # fmt: skip
        return await self._run(_TAKE_OVER, keys, arguments) == 1

    async def note(self, place: Place, line: HistoryLine, settings: ConversationSettings) -> None:
        """Something of ours went out that no message of theirs asked for; heard once, however often it is told."""
        if settings.history_messages > 0:
            line = sealed(line, await self._text_key(place.organization_id))
            arguments: list[Argument] = [
                _json(line), f"ours {line.id}", now_ms(), _REMEMBER_MS, settings.history_messages,
                settings.history_days * _DAY_MS,
            ]  # fmt: skip
            await self._run(_NOTE, [self._history(place), self._seen(place)], arguments)

    async def release(self, place: Place) -> bool:
        """Answer again in a chat; False when nobody had taken it over."""
        silent = await self._call("HGET", self._conversation(place), "silentUntil")
        await self._call("HDEL", self._conversation(place), "silentUntil", "waitsSince", "toldAt")
        return isinstance(silent, bytes) and int(silent) > now_ms()

    async def silence(self, organization_id: str, until_ms: int) -> None:
        """Answer nobody of an organization until then, but its owners; in the past: answer again."""
        key = redis_keys.silence(organization_id, prefix=self._hub.prefix)
        if until_ms > now_ms():
            await self._call("SET", key, until_ms, "PXAT", until_ms)
        else:
            await self._call("DEL", key)

    async def latest(
        self, organization_id: str, count: int = 100, *, after: tuple[int, str] | None = None
    ) -> list[Chat]:
        """The chats in which something was said last, newest first; those behind the one of (ms, `Place.name`)."""
        key = redis_keys.conversations(organization_id, prefix=self._hub.prefix)
        newest = "+inf" if after is None else after[0]
        # Of one ms there are a few at most.
        reply = await self._call(
            "ZRANGE", key, newest, "-inf", "BYSCORE", "REV", "LIMIT", 0, count + _SAME_MS, "WITHSCORES"
        )
        flat = iter(map(_text, reply if isinstance(reply, list) else []))
        found = [(int(float(score)), member) for member, score in zip(flat, flat, strict=True)]
        shown = [one for one in found if after is None or one < after][:count]
        # Asked all at once: they go out in one write.
        return await asyncio.gather(*(self._chat(place_named(organization_id, member), at) for at, member in shown))

    async def last_lines(self, places: Sequence[Place]) -> list[HistoryLine | Entry | None]:
        """What was said last in each of these chats, an unanswered message before all that was answered."""
        asked = [self._call("LINDEX", key(place), -1) for place in places for key in (self._inbox, self._history)]
        replies = await asyncio.gather(*asked)
        found = list[HistoryLine | Entry | None]()
        for place, waiting, said in zip(places, replies[::2], replies[1::2], strict=True):
            key = await self._text_key(place.organization_id)
            if waiting is not None:
                found.append(opened(Entry.model_validate_json(_text(waiting)), key))
            else:
                found.append(next((opened(line, key) for line in _lines([said])), None))
        return found

    async def unanswered(self, place: Place) -> tuple[list[Entry], Answer | None]:
        """What waits in a chat, the oldest first, and the answer that is about to go out."""
        inbox, kept = await asyncio.gather(
            self._call("LRANGE", self._inbox(place), 0, 99), self._call("HGET", self._conversation(place), "answer")
        )
        key = await self._text_key(place.organization_id)
        waiting = [Entry.model_validate_json(_text(entry)) for entry in (inbox if isinstance(inbox, list) else [])]
        answer = None if kept is None else opened(Answer.model_validate_json(_text(kept)), key)
        return [opened(entry, key) for entry in waiting], answer

    async def chat(self, place: Place) -> Chat | None:
        """One chat; None when nothing was said in it for 30 days."""
        key = redis_keys.conversations(place.organization_id, prefix=self._hub.prefix)
        score = await self._call("ZSCORE", key, place.name)
        return None if not isinstance(score, bytes) else await self._chat(place, int(float(score)))

    async def history(self, place: Place) -> list[HistoryLine]:
        """What was said, oldest first."""
        reply = await self._call("LRANGE", self._history(place), 0, -1)
        key = await self._text_key(place.organization_id)
        return [opened(line, key) for line in _lines(reply)]

    async def _chat(self, place: Place, last_ms: int) -> Chat:
        reply = await self._call("HMGET", self._conversation(place), *_SHOWN)
        silent, waits, owner, sender, name, last_in = reply if isinstance(reply, list) else [None] * len(_SHOWN)
        silent_until = _int(silent)
        return Chat(
            place,
            last_ms,
            silent_until if silent_until > now_ms() else None,
            _int(waits) or None,
            owner is not None,
            _text(sender) or None,
            _text(name) or None,
            _int(last_in) or None,
        )

    async def _text_key(self, organization_id: str) -> TextKey | None:
        return None if self._keys is None else await self._keys.of(organization_id)

    async def _run(self, script: Script, keys: list[str], arguments: list[Argument]) -> Reply:
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._runner.run(script, keys, arguments)

    async def _call(self, *command: Argument) -> Reply:
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._hub.commands.call(*command)

    def _lock(self, job: Job) -> str:
        return QueueKeys(job.queue, self._hub.prefix).lock(job.id)

    def _conversation(self, place: Place) -> str:
        return redis_keys.conversation(*_parts(place), prefix=self._hub.prefix)

    def _inbox(self, place: Place) -> str:
        return redis_keys.conversation_inbox(*_parts(place), prefix=self._hub.prefix)

    def _seen(self, place: Place) -> str:
        return redis_keys.conversation_seen(*_parts(place), prefix=self._hub.prefix)

    def _history(self, place: Place) -> str:
        return redis_keys.conversation_history(*_parts(place), prefix=self._hub.prefix)


def _parts(place: Place) -> tuple[str, str, str]:
    return place.organization_id, place.instance_id, place.contact


def place_named(organization_id: str, name: str) -> Place:
    """The place that is called so among its organization's."""
    instance_id, _, contact = name.rpartition(" ")
    return Place(organization_id, instance_id, contact)


def _turn(reply: Reply, now: int) -> Turn:
    _, fields, inbox, history, silence = reply if isinstance(reply, list) else [None] * 5
    given, answer, silent, first, tries, reopened = fields if isinstance(fields, list) else [None] * 6
    return Turn(
        entries=tuple(Entry.model_validate_json(_text(entry)) for entry in (inbox if isinstance(inbox, list) else [])),
        history=tuple(_lines(history)),
        given=_int(given),
        answer=None if answer is None else Answer.model_validate_json(_text(answer)),
        first_ms=_int(first) or now,
        silent_until_ms=max(_int(silent), _int(silence)),
        tries=_int(tries),
        reopened=_int(reopened),
    )


def _lines(reply: Reply) -> list[HistoryLine]:
    lines = list[HistoryLine]()
    for line in reply if isinstance(reply, list) else []:
        try:
            lines.append(HistoryLine.model_validate_json(_text(line)))
        except ValidationError:
            continue  # of a later version than this
    return lines


def _json(model: BaseModel) -> str:
    return json.dumps(wire(model), ensure_ascii=False, separators=(",", ":"))


def _text(reply: Reply) -> str:
    return reply.decode() if isinstance(reply, bytes) else ""


def _int(reply: Reply) -> int:
    return int(reply) if isinstance(reply, bytes | int) else 0


def _script(name: str) -> Script:
    text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    return Script.build(name, text, allow_oom=name == "finish")


_JOIN: Final = _script("join")
_COMMIT: Final = _script("commit")
_FINISH: Final = _script("finish")
_TAKE_OVER: Final = _script("take_over")
_NOTE: Final = _script("note")
#: Of a chat's fields, those that people are shown.
_SHOWN: Final = ("silentUntil", "waitsSince", "owner", "sender", "name", "lastIn")
_SAME_MS: Final = 20
_DAY_MS: Final = 24 * 3600 * 1000
_REMEMBER_MS: Final = redis_keys.MESSAGE_SECONDS * 1000
_LIFE_MS: Final = redis_keys.CONVERSATION_SECONDS * 1000
_READY_SECONDS: Final = 5.0

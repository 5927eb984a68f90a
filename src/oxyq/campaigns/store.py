"""Campaigns in Redis: made, filled, planned, released, noted; every step is one script, and doing it twice is once."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oxyq import redis_keys
from oxyq.campaigns.campaign import EXCEPTIONS, MOVES, Campaign, State, Status, read_campaign
from oxyq.campaigns.rows import (
    OpenSend,
    Place,
    PlannedRow,
    SkippedRow,
    UploadedRow,
    pack,
    pack_planned,
    unpack_planned,
    unpack_skipped,
    unpack_uploaded,
)
from oxyq.campaigns.stopped import noting
from oxyq.clock import now_ms
from oxyq.engine.connection import Argument, Reply
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int, encode_json
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.jobs import CampaignContent, wire
from oxyq.suppression import Suppression

#: Redis being away for longer fails what was asked.
READY_SECONDS: Final = 5.0
_LIFE: Final = redis_keys.CAMPAIGN_SECONDS


@dataclass(frozen=True, slots=True)
class Moved:
    """A campaign's state before and after, and the generation of its run from now on."""

    before: State
    after: State
    generation: int

    @property
    def is_news(self) -> bool:
        """Whether it changed."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Noted:
    """What noting one recipient's status led to."""

    open_sends: int
    generation: int
    is_last: bool
    """It was the last recipient, and the campaign is completed by that."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How it stands with one recipient: a status since `at_ms`, with the provider's id or a reason.

    `row` is the one they are in the plan by, from 0; None when they are not in it.
    """

    row: int | None
    status: Status
    at_ms: int | None
    detail: str


class CampaignStore:
    """The campaigns of all organizations; each lives 30 days after the last news. All raise QueueUnavailable."""

    def __init__(self, hub: Hub, suppression: Suppression | None = None) -> None:
        self._hub = hub
        self._suppression = suppression
        self._runner = ScriptRunner(hub.commands)

    # --- making and filling -----------------------------------------------------------------------------------

    async def begin(self, content: CampaignContent, token: str) -> str:
        """Make a draft to be filled under `token`; "", or the fingerprint of one that was filled before."""
        organization_id, campaign_id = content.organization_id, content.campaign_id
        keys = [
            self._campaign(organization_id, campaign_id),
            redis_keys.campaigns(organization_id, prefix=self._hub.prefix),
            self._upload(organization_id, campaign_id),
        ]
        return _text(await self._run(_BEGIN, keys, [campaign_id, now_ms(), _LIFE, token, *_fields(content)]))

    async def reword(self, campaign: Campaign, content: CampaignContent, fingerprint: str) -> bool:
        """Let a draft that has its recipients say something else; False when it is no draft or another one by now."""
        key = self._campaign(campaign.organization_id, campaign.id)
        return await self._run(_REWORD, [key], [campaign.fingerprint, fingerprint, _LIFE, *_fields(content)]) == 1

    async def empty(self, campaign: Campaign) -> bool:
        """Take a draft's recipients away; False when it is no draft any more. An upload that is under way ends."""
        keys = [
            self._campaign(campaign.organization_id, campaign.id),
            self._upload(campaign.organization_id, campaign.id),
        ]
        return await self._run(_EMPTY, keys, []) == 1

    async def upload(self, content: CampaignContent, token: str, number: int, rows: Sequence[UploadedRow]) -> bool:
        """Store piece `number` of the recipients; False when another upload has taken over."""
        return await self._uploaded(content, [token, _LIFE, number, pack(rows)])

    async def uploaded(self, content: CampaignContent, token: str, fingerprint: str, rows: int) -> bool:
        """Say that these were all of them."""
        return await self._uploaded(content, [token, _LIFE, "", fingerprint, rows])

    async def _uploaded(self, content: CampaignContent, arguments: list[Argument]) -> bool:
        organization_id, campaign_id = content.organization_id, content.campaign_id
        keys = [self._campaign(organization_id, campaign_id), self._upload(organization_id, campaign_id)]
        return await self._run(_UPLOAD, keys, arguments) == 1

    async def piece(self, organization_id: str, campaign_id: str, number: int) -> list[UploadedRow]:
        """A piece of the upload; empty when it is planned already."""
        reply = await self._call("HGET", self._upload(organization_id, campaign_id), number)
        return unpack_uploaded(reply) if isinstance(reply, bytes) else []

    # --- looking ----------------------------------------------------------------------------------------------

    async def get(self, organization_id: str, campaign_id: str) -> Campaign | None:
        """One campaign; None when there is none, or it is long past."""
        return read_campaign(
            organization_id, campaign_id, await self._hash(self._campaign(organization_id, campaign_id))
        )

    async def latest(self, organization_id: str, count: int = 100) -> list[Campaign]:
        """The campaigns of an organization that were made last, newest first."""
        return await self.these(organization_id, await self.ids(organization_id, count))

    async def ids(self, organization_id: str, count: int, *, behind: str | None = None) -> list[str]:
        """Ids of campaigns, newest first: the first ones, or those that were made before this one."""
        key, first = redis_keys.campaigns(organization_id, prefix=self._hub.prefix), 0
        if behind is not None:
            rank = await self._call("ZREVRANK", key, behind)
            if not isinstance(rank, int):
                return []  # it is 30 days old by now, and all behind it are older
            first = rank + 1
        return [
            _text(campaign_id) for campaign_id in _list(await self._call("ZREVRANGE", key, first, first + count - 1))
        ]

    async def these(self, organization_id: str, campaign_ids: Sequence[str]) -> list[Campaign]:
        """Those of these campaigns that are still there, in the same order."""
        found = await asyncio.gather(*(self.get(organization_id, campaign_id) for campaign_id in campaign_ids))
        return [campaign for campaign in found if campaign is not None]

    async def open_sends(self, organization_id: str, campaign_id: str) -> list[OpenSend]:
        """The sends that were released and have not ended."""
        stored = await self._hash(self._open(organization_id, campaign_id))
        return [OpenSend.read(job_id, text) for job_id, text in stored.items()]

    async def open_count(self, organization_id: str, campaign_id: str) -> int:
        """How many of them there are."""
        return _int(await self._call("HLEN", self._open(organization_id, campaign_id)))

    async def planned_piece(self, organization_id: str, campaign_id: str, zone: str, number: int) -> list[PlannedRow]:
        """A piece of the plan; empty when there is none."""
        reply = await self._call("LINDEX", self._rows(organization_id, campaign_id, zone), number)
        return unpack_planned(reply) if isinstance(reply, bytes) else []

    async def planned(self, campaign: Campaign) -> AsyncIterator[tuple[str, int, list[PlannedRow]]]:
        """The whole plan, piece by piece, with each piece's time zone and number."""
        for zone in sorted(campaign.rows):
            number = 0
            while rows := await self.planned_piece(campaign.organization_id, campaign.id, zone, number):
                yield zone, number, rows
                number += 1

    async def skipped_piece(self, organization_id: str, campaign_id: str, number: int) -> list[SkippedRow]:
        """A piece of what the planning left out; empty when there is none."""
        key = redis_keys.campaign_skipped(organization_id, campaign_id, prefix=self._hub.prefix)
        reply = await self._call("LINDEX", key, number)
        return unpack_skipped(reply) if isinstance(reply, bytes) else []

    async def skipped(self, organization_id: str, campaign_id: str) -> AsyncIterator[list[SkippedRow]]:
        """What the planning left out, piece by piece."""
        number = 0
        while rows := await self.skipped_piece(organization_id, campaign_id, number):
            yield rows
            number += 1

    async def entries(self, organization_id: str, campaign_id: str, contacts: Sequence[str]) -> list[Entry]:
        """How it stands with each of these contacts."""
        if not contacts:
            return []
        key = self._recipients(organization_id, campaign_id)
        return [_entry(reply) for reply in _list(await self._call("HMGET", key, *contacts))]

    async def exceptions(self, campaign: Campaign, status: Status, behind: int, most: int) -> list[int]:
        """The rows of those in this status, one of EXCEPTIONS, that come behind a row (-1: all), in order."""
        base, key = EXCEPTIONS.index(status) << 32, self._exceptions(campaign.organization_id, campaign.id)
        limits: list[Argument] = [
            f"({base + behind}",
            f"({base + 2**32 - 1}",
            "BYSCORE",
            "LIMIT",
            0,
            most,
            "WITHSCORES",
        ]
        reply = _list(await self._call("ZRANGE", key, *limits))
        return [int(float(_text(score))) - base for score in reply[1::2]]

    async def has_all_exceptions(self, campaign: Campaign, status: Status) -> bool:
        """Whether they are all known by their rows; not those from before that was written down."""
        base, key = EXCEPTIONS.index(status) << 32, self._exceptions(campaign.organization_id, campaign.id)
        return _int(await self._call("ZCOUNT", key, base, f"({base + 2**32 - 1}")) >= campaign.statuses[status]

    async def returned(self, organization_id: str, campaign_id: str, most: int) -> list[Place]:
        """The next rows that were taken back, or are to be sent again."""
        reply = await self._call("LRANGE", self._returned(organization_id, campaign_id), 0, most - 1)
        return [Place.read(_text(place)) for place in _list(reply)]

    # --- planning ---------------------------------------------------------------------------------------------

    async def screen(self, campaign: Campaign, contacts: Sequence[tuple[str, int]]) -> str:
        """A letter for each (contact, row): n new, d duplicate, o opted out; the new ones are written down."""
        if not contacts:
            return ""
        erased = await self._erased(campaign.organization_id, [contact for contact, _ in contacts])
        # Contacts are digits, which need no quoting: the key is made once for all of them.
        wishes = redis_keys.contact(campaign.organization_id, "", prefix=self._hub.prefix)
        keys = [self._recipients(campaign.organization_id, campaign.id)]
        arguments: list[Argument] = [_LIFE]
        for contact, row in contacts:
            if contact not in erased:
                keys.append(wishes + contact)
                arguments += (contact, row)
        verdicts = iter(_text(await self._run(_SCREEN, keys, arguments)))
        return "".join("o" if contact in erased else next(verdicts) for contact, _ in contacts)

    async def _erased(self, organization_id: str, contacts: Sequence[str]) -> Mapping[str, int]:
        """Those who want no campaigns, and of whom only a fingerprint is left."""
        return {} if self._suppression is None else await self._suppression.suppressed(organization_id, contacts)

    async def plan(
        self,
        campaign: Campaign,
        piece: int,
        before: int,
        after: int,
        zones: Mapping[str, Sequence[PlannedRow]],
        skipped: Sequence[SkippedRow],
    ) -> bool:
        """Write one planned piece down; False when the campaign is not being planned, or somebody else did."""
        organization_id, campaign_id = campaign.organization_id, campaign.id
        reasons = dict[str, int]()
        for row in skipped:
            reasons[row.reason] = reasons.get(row.reason, 0) + 1
        keys = [
            self._campaign(organization_id, campaign_id),
            self._upload(organization_id, campaign_id),
            redis_keys.campaign_skipped(organization_id, campaign_id, prefix=self._hub.prefix),
            *(self._rows(organization_id, campaign_id, zone) for zone in zones),
        ]
        arguments: list[Argument] = [before, after, piece, _LIFE, pack(skipped) if skipped else b"", len(reasons)]
        for reason, count in reasons.items():
            arguments += (reason, count)
        for zone, rows in zones.items():
            arguments += (zone, pack_planned(rows), len(rows))
        return await self._run(_PLAN, keys, arguments) == 1

    async def planned_all(self, campaign: Campaign) -> tuple[bool, bool]:
        """Every row is planned: whether that made it run, and whether it is at its end by that."""
        reply = await self._run(_PLANNED, [self._campaign(campaign.organization_id, campaign.id)], [now_ms()])
        began, ended = _list(reply)
        return began == 1, ended == 1

    async def take_up_failed(self, campaign: Campaign, rows: Iterable[tuple[str, Place]]) -> bool:
        """Of (contact, place) take up again those for whom it failed; False when the campaign is not being planned."""
        organization_id, campaign_id = campaign.organization_id, campaign.id
        keys = [
            self._campaign(organization_id, campaign_id),
            self._recipients(organization_id, campaign_id),
            self._returned(organization_id, campaign_id),
            self._exceptions(organization_id, campaign_id),
        ]
        arguments: list[Argument] = [_LIFE]
        for contact, place in rows:
            arguments += (contact, str(place))
        return await self._run(_RESEND, keys, arguments) == 1

    # --- the life of a campaign -------------------------------------------------------------------------------

    async def move(self, organization_id: str, campaign_id: str, what: str) -> Moved | None:
        """Do what MOVES allows; None when there is no such campaign, and the same state twice when it may not be."""
        stamp = {"pause": "pausedAt", "cancel": "endedAt", "start": "startedAt", "resume": "resumedAt"}.get(what, "")
        kind = {"start": "new", "schedule": "new", "resume": "new", "resend": "again"}.get(what, "")
        pairs = [state for pair in MOVES[what].items() for state in pair]
        reply = _list(
            await self._run(
                _MOVE, [self._campaign(organization_id, campaign_id)], [now_ms(), _LIFE, stamp, kind, *pairs]
            )
        )
        if len(reply) != 3:
            return None
        return Moved(_text(reply[0]), _text(reply[1]), _int(reply[2]))  # type: ignore[arg-type]  # as written

    async def passed(self, campaign: Campaign, waits: str, until_ms: int | None, at_ms: int, per_second: float) -> None:
        """Note after a pass why nothing goes out ("" when something does), and how fast it went so far.

        Also lets everything of the campaign live on: one that takes months is not forgotten while it runs.
        """
        organization_id, campaign_id = campaign.organization_id, campaign.id
        sample: list[Argument] = ["sampleAt", "" if waits else at_ms, "sampleGone", campaign.gone]
        key = self._campaign(organization_id, campaign_id)
        until: Argument = "" if until_ms is None else until_ms
        keys = [
            key,
            self._recipients(organization_id, campaign_id),
            self._open(organization_id, campaign_id),
            self._returned(organization_id, campaign_id),
            self._exceptions(organization_id, campaign_id),
            redis_keys.campaign_skipped(organization_id, campaign_id, prefix=self._hub.prefix),
            *(self._rows(organization_id, campaign_id, zone) for zone in campaign.rows),
        ]
        stopped = redis_keys.campaigns_stopped(prefix=self._hub.prefix)
        await asyncio.gather(
            self._call(*noting(organization_id, campaign_id, waits, at_ms, key=stopped)),
            self._call("HSET", key, "waits", waits, "waitsUntil", until, "perSecond", per_second, *sample),
            *(self._call("EXPIRE", each, _LIFE) for each in (*keys, stopped)),
        )

    # --- releasing --------------------------------------------------------------------------------------------

    async def release(
        self, campaign: Campaign, zone: str | None, before: str, after: str, sends: Sequence[OpenSend]
    ) -> bool:
        """Take these rows out of the plan, or off the returned ones (no zone), before their jobs are added.

        False when the campaign does not run any more, or somebody else took them.
        """
        organization_id, campaign_id = campaign.organization_id, campaign.id
        keys = [
            self._campaign(organization_id, campaign_id),
            self._open(organization_id, campaign_id),
            self._returned(organization_id, campaign_id),
        ]
        arguments: list[Argument] = [campaign.generation, _LIFE, zone or "", before, after]
        for send in sends:
            arguments += (send.job_id, str(send))
        return await self._run(_RELEASE, keys, arguments) == 1

    async def releases(self, organization_id: str, campaign_id: str) -> None:
        """Say that jobs and rows are about to differ, as `release` does, until `released`."""
        await self._call("HSET", self._campaign(organization_id, campaign_id), "releasing", 1)

    async def released(self, organization_id: str, campaign_id: str) -> None:
        """Every row that was taken out of the plan has its job."""
        await self._call("HDEL", self._campaign(organization_id, campaign_id), "releasing")

    async def take_back(self, organization_id: str, campaign_id: str, job_ids: Sequence[str]) -> int:
        """Put the rows of these jobs, which are gone, back to be released again; returns how many."""
        if not job_ids:
            return 0
        keys = [self._open(organization_id, campaign_id), self._returned(organization_id, campaign_id)]
        return _int(await self._run(_TAKE_BACK, keys, [_LIFE, *job_ids]))

    async def note(
        self,
        organization_id: str,
        campaign_id: str,
        contact: str,
        status: Status | None,
        *,
        detail: str = "",
        job_id: str = "",
        at_ms: int | None = None,
    ) -> Noted:
        """Note how it stands with one recipient; `job_id` is the send that ended with it, none for later news.

        No status: the send ended, and nothing is known that was not known before.
        """
        keys = [
            self._campaign(organization_id, campaign_id),
            self._recipients(organization_id, campaign_id),
            self._open(organization_id, campaign_id),
            self._exceptions(organization_id, campaign_id),
        ]
        when = now_ms() if at_ms is None else at_ms
        reply = _list(await self._run(_NOTE, keys, [contact, status or "", when, detail[:200], job_id, _LIFE]))
        open_sends, generation, is_last = reply
        return Noted(_int(open_sends), _int(generation), is_last == 1)

    # --- keys and calls ---------------------------------------------------------------------------------------

    def _campaign(self, organization_id: str, campaign_id: str) -> str:
        return redis_keys.campaign(organization_id, campaign_id, prefix=self._hub.prefix)

    def _recipients(self, organization_id: str, campaign_id: str) -> str:
        return redis_keys.campaign_recipients(organization_id, campaign_id, prefix=self._hub.prefix)

    def _exceptions(self, organization_id: str, campaign_id: str) -> str:
        return redis_keys.campaign_exceptions(organization_id, campaign_id, prefix=self._hub.prefix)

    def _upload(self, organization_id: str, campaign_id: str) -> str:
        return redis_keys.campaign_upload(organization_id, campaign_id, prefix=self._hub.prefix)

    def _rows(self, organization_id: str, campaign_id: str, zone: str) -> str:
        return redis_keys.campaign_rows(organization_id, campaign_id, zone, prefix=self._hub.prefix)

    def _open(self, organization_id: str, campaign_id: str) -> str:
        return redis_keys.campaign_open(organization_id, campaign_id, prefix=self._hub.prefix)

    def _returned(self, organization_id: str, campaign_id: str) -> str:
        return redis_keys.campaign_returned(organization_id, campaign_id, prefix=self._hub.prefix)

    async def _hash(self, key: str) -> dict[str, str]:
        items = iter(_list(await self._call("HGETALL", key)))
        return {_text(name): _text(value) for name, value in zip(items, items, strict=True)}

    async def _call(self, *command: Argument) -> Reply:
        await self._hub.commands.ready(READY_SECONDS)
        return await self._hub.commands.call(*command)

    async def _run(self, script: Script, keys: list[str], arguments: list[Argument]) -> Reply:
        await self._hub.commands.ready(READY_SECONDS)
        return await self._runner.run(script, keys, arguments)


def _fields(content: CampaignContent) -> list[Argument]:
    fields: list[Argument] = ["template", content.template, "variables", encode_json(dict(content.variables))]
    if content.instance_id is not None:
        fields += ["instanceId", content.instance_id]
    if content.start_at is not None:
        fields += ["startAt", content.start_at]
    if content.meta_template is not None:
        fields += ["metaTemplate", encode_json(wire(content.meta_template))]
    return fields


def _entry(reply: Reply) -> Entry:
    row_status_at_detail = _text(reply).split(" ", 3)
    row = as_int(row_status_at_detail[0])
    if len(row_status_at_detail) < 3:
        return Entry(row, "planned", None, "")
    _, status, at, *detail = row_status_at_detail
    return Entry(row, status, as_int(at), detail[0] if detail else "")  # type: ignore[arg-type]  # as `note.lua` wrote it


def _script(name: str) -> Script:
    text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    # What ended must be written down also when memory is full, and pausing must work then.
    return Script.build(name, text, allow_oom=name in ("note", "move", "take_back"))


_BEGIN: Final = _script("begin")
_EMPTY: Final = _script("empty")
_REWORD: Final = _script("reword")
_UPLOAD: Final = _script("upload")
_SCREEN: Final = _script("screen")
_PLAN: Final = _script("plan")
_PLANNED: Final = _script("planned")
_MOVE: Final = _script("move")
_RELEASE: Final = _script("release")
_TAKE_BACK: Final = _script("take_back")
_NOTE: Final = _script("note")
_RESEND: Final = _script("resend")


def _text(reply: Reply) -> str:
    return reply.decode() if isinstance(reply, bytes) else ""


def _int(reply: Reply) -> int:
    return reply if isinstance(reply, int) else 0


def _list(reply: Reply) -> list[Reply]:
    return reply if isinstance(reply, list) else []

"""A campaign as it stands: what it says, its state, how far it is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from oxyq.engine.json_text import as_int, decode_json
from oxyq.jobs import MetaTemplate, parse_stored
from oxyq.outcomes import JsonValue

State: TypeAlias = Literal["draft", "scheduled", "planning", "running", "paused", "completed", "cancelled"]
STATES: Final[tuple[State, ...]] = get_args(State)

#: What may be done in which state, and where it leads. Planning becomes running by itself; what is planned already goes
#: on running.
MOVES: Final[Mapping[str, Mapping[State, State]]] = {
    "schedule": {"draft": "scheduled"},
    "start": {"draft": "planning", "scheduled": "planning"},
    "begin": {"scheduled": "planning"},  # its time has come
    "pause": {"planning": "paused", "running": "paused"},
    "resume": {"paused": "planning"},
    "cancel": {
        "draft": "cancelled",
        "scheduled": "cancelled",
        "planning": "cancelled",
        "running": "cancelled",
        "paused": "cancelled",
    },
    "resend": {"completed": "planning"},
}

#: A campaign that waits for these goes on by itself, little by little or when its hours come: it has not stopped.
HARMLESS_WAITS: Final = frozenset(("quiet hours", "number limit", "limit", "organization limit"))

#: A shorter time says nothing about how fast a campaign goes.
SHORTEST_SAMPLE_MS: Final = 500
#: What "now" means of a campaign's rate: this minute and those before it. `note.lua` keeps one more.
RATE_MINUTES: Final = 5
_MINUTE_MS: Final = 60_000

Status: TypeAlias = Literal[
    "planned", "sent", "delivered", "read", "failed", "unconfirmed", "opted_out", "capped", "removed"
]
"""How it stands with one recipient. `capped`: heard from us often enough lately; `removed`: somebody took the job out
of the queue. Both, and `opted_out`, are skipped."""

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
#: Those who did not simply get it are found by a sorted set, whose scores are (place in this, row); as in `note.lua`.
EXCEPTIONS: Final[tuple[Status, ...]] = ("failed", "unconfirmed", "opted_out", "capped", "removed")
SKIPPED_AT_SENDING: Final[tuple[Status, ...]] = ("opted_out", "capped", "removed")


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign; times are ms since 1970."""

    id: str
    organization_id: str
    state: State
    template: str
    variables: Mapping[str, str]
    meta_template: MetaTemplate | None
    instance_id: str | None
    created_at: int
    start_at: int | None
    started_at: int | None
    paused_at: int | None
    ended_at: int | None
    generation: int
    again: int
    uploaded: int
    """Rows handed in."""
    fingerprint: str
    """Of what it says and of all its rows; "" until these were handed in."""
    planned_rows: int
    """Rows the planning has looked at."""
    is_planned: bool
    statuses: Mapping[Status, int]
    skipped: Mapping[str, int]
    """Rows left out by the planning, by reason."""
    rows: Mapping[str, int]
    """Recipients by time zone."""
    places: Mapping[str, str]
    """How far the release is in each time zone: "piece offset released"."""
    waits: str | None
    """Why nothing is going out at the moment."""
    waits_until: int | None
    per_second: float
    """How fast it went while it went, lately; 0 when nobody knows yet."""
    sample_at: int | None
    """When that was last looked at, and `sample_gone` how many had gone then."""
    sample_gone: int
    minutes: Mapping[int, int]
    """Sends that ended in each of the last minutes, by minutes since 1970."""
    resumed_at: int | None
    is_releasing: bool
    """A release is under way, or was cut off: jobs and rows may differ."""

    @property
    def is_uploaded(self) -> bool:
        """Whether its recipients were handed in, all of them."""
        return bool(self.fingerprint)

    @property
    def gone(self) -> int:
        """Sends that have ended, well or not."""
        return sum(count for status, count in self.statuses.items() if status != "planned")

    def pace_now(self, now_ms: int) -> float:
        """Sends a second while it goes: half of it since the last look, half of it before."""
        if self.sample_at is None or now_ms - self.sample_at < SHORTEST_SAMPLE_MS:
            return self.per_second
        lately = max(self.gone - self.sample_gone, 0) * 1000 / (now_ms - self.sample_at)
        return (self.per_second + lately) / 2 if self.per_second else lately

    def per_minute(self, now_ms: int) -> float:
        """Sends a minute in the last `RATE_MINUTES`, or since it started or was resumed, whichever is shorter."""
        now_minute = now_ms // _MINUTE_MS
        began_ms = max((now_minute - RATE_MINUTES + 1) * _MINUTE_MS, self.started_at or 0, self.resumed_at or 0)
        ended = sum(self.minutes.get(minute, 0) for minute in range(began_ms // _MINUTE_MS, now_minute + 1))
        # One that just began is told as if it had run for a while: a first second says nothing of a minute.
        return ended * _MINUTE_MS / max(now_ms - began_ms, 10_000)

    @property
    def total(self) -> int:
        """Everybody who was planned or left out."""
        return sum(self.statuses.values()) + sum(self.skipped.values())


def read_campaign(organization_id: str, campaign_id: str, stored: Mapping[str, str]) -> Campaign | None:
    """A campaign from its hash; None when there is none."""
    if "state" not in stored:
        return None

    def number(name: str) -> int | None:
        return as_int(stored[name]) if name in stored else None

    def group(beginning: str) -> dict[str, str]:
        return {name.removeprefix(beginning): value for name, value in stored.items() if name.startswith(beginning)}

    statuses: dict[Status, int] = {status: number(status) or 0 for status in STATUSES}
    return Campaign(
        id=campaign_id,
        organization_id=organization_id,
        state=stored["state"],  # type: ignore[arg-type]  # written here alone
        template=stored.get("template", ""),
        variables=_texts(decode_json(stored.get("variables", "{}").encode())),
        meta_template=_meta_template(stored.get("metaTemplate")),
        instance_id=stored.get("instanceId"),
        created_at=number("createdAt") or 0,
        start_at=number("startAt"),
        started_at=number("startedAt"),
        paused_at=number("pausedAt"),
        ended_at=number("endedAt"),
        generation=number("generation") or 0,
        again=number("again") or 0,
        uploaded=number("uploaded") or 0,
        fingerprint=stored.get("fingerprint", ""),
        planned_rows=number("plannedRows") or 0,
        is_planned="plannedAt" in stored,
        statuses=statuses,
        skipped={name: as_int(value) or 0 for name, value in group("skipped:").items()},
        rows={zone: as_int(value) or 0 for zone, value in group("rows:").items()},
        places=group("at:"),
        waits=stored.get("waits") or None,
        waits_until=number("waitsUntil"),
        per_second=float(stored.get("perSecond", 0)),
        sample_at=number("sampleAt"),
        sample_gone=number("sampleGone") or 0,
        minutes={as_int(minute) or 0: as_int(count) or 0 for minute, count in _pairs(group("minute:").values())},
        resumed_at=number("resumedAt"),
        is_releasing="releasing" in stored,
    )


def _pairs(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        first, _, second = text.partition(" ")
        yield first, second


def _meta_template(written: str | None) -> MetaTemplate | None:
    return None if written is None else parse_stored(MetaTemplate, decode_json(written.encode()))


def _texts(value: JsonValue) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}

"""Times as people write and read them, by an organization's clock."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import typer

from oxyq.cli.durations import Duration
from oxyq.cli.endings import WrongUse

_WRITTEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)
_DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}


@dataclass(frozen=True, slots=True)
class StartAt:
    """When to begin: at a time, by whatever clock will be asked for, or so long from now."""

    given: datetime | Duration

    @classmethod
    def parse(cls, text: "str | StartAt") -> "StartAt":
        """Read 2026-12-01T09:00 or +2h; raises typer.BadParameter, which names the option, for anything else."""
        if isinstance(text, StartAt):
            return text
        if text.startswith("+"):
            return cls(Duration.parse(text[1:]))
        if not _WRITTEN.fullmatch(text):
            raise typer.BadParameter(f"{text[:40]!r} is no time; write 2026-12-01T09:00 or +2h")
        try:
            return cls(datetime.fromisoformat(text))
        except ValueError:
            raise typer.BadParameter(f"{text!r} is a time that no calendar or clock has; correct it") from None

    @property
    def is_relative(self) -> bool:
        """Whether it is so long from now."""
        return isinstance(self.given, Duration)

    def on_clock(self, time_zone: str, now_ms: int) -> int:
        """The time in ms since 1970; WrongUse for one that the clock of this zone jumps over."""
        if isinstance(self.given, Duration):
            return now_ms + self.given.milliseconds
        if self.given.tzinfo is not None:
            return _ms(self.given)
        at = self.given.replace(tzinfo=ZoneInfo(time_zone))
        seen = at.astimezone(UTC).astimezone(at.tzinfo)
        if seen.replace(tzinfo=None) != self.given:
            raise WrongUse(
                f"--start-at: {self.given:%Y-%m-%d %H:%M} does not exist in {time_zone}, whose clock is put forward "
                f"then; did you mean {seen:%Y-%m-%dT%H:%M}?"
            )
        return _ms(at)


def told(at_ms: int, time_zone: str, now_ms: int) -> str:
    """A time for people, to the minute: "today 14:30", "Tue 2026-12-01 09:00"."""
    at, now = (datetime.fromtimestamp(ms / 1000, ZoneInfo(time_zone)) for ms in (at_ms, now_ms))
    day = _DAYS.get((at.date() - now.date()).days) or f"{at:%a %Y-%m-%d}"
    return f"{day} {at:%H:%M}"


def stamped(at_ms: int, time_zone: str) -> str:
    """A time for lists and logs: "2026-12-01 09:00:00"."""
    return f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo(time_zone)):%Y-%m-%d %H:%M:%S}"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)

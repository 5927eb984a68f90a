"""Numbers, times and durations as people of each language write them."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Final

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent

from oxyq.dashboard.words import LOCALES, Language, written_number
from oxyq.errors import InvalidPayload

DASH: Final = "–"
_BYTES: Final = ("B", "KB", "MB", "GB", "TB")
#: Words of CLDR are right and dry: nobody says "há 0 segundos".
_NOW: Final[Mapping[Language, str]] = {"pt": "agora", "en": "now"}


class Formats:
    """Writes values for one reader: his language, his time zone."""

    def __init__(self, language: Language, zone: tzinfo, now_ms: Callable[[], int]) -> None:
        self._language = language
        self._locale = LOCALES[language]
        self._zone = zone
        self._now_ms = now_ms

    def number(self, value: float | None) -> str:
        """1234.5 as 1.234,5."""
        return DASH if value is None else written_number(round(value, 2), self._locale)

    def percent(self, share: float | None) -> str:
        """0.123 as 12%; what is neither nothing nor all is never shown as such."""
        if share is None:
            return DASH
        if 0 < share < 0.01 or 0.99 < share < 1:
            nearly = min(max(share, 0.001), 0.999)
            return format_percent(nearly, format="#,##0.0%", locale=self._locale)
        return format_percent(share, locale=self._locale)

    def bytes(self, count: float | None) -> str:
        """1536 as 1,5 KB."""
        if count is None:
            return DASH
        power = 0
        while count >= 1024 and power < len(_BYTES) - 1:
            count, power = count / 1024, power + 1
        return f"{format_decimal(round(count, 1), locale=self._locale)} {_BYTES[power]}"

    def duration(self, ms: float | None) -> str:
        """How long: 350 ms, 4,2 s, 3 min 20 s, 2 h 5 min, 4 d 3 h."""
        if ms is None:
            return DASH
        if ms < 1000:
            return f"{self.number(round(ms) if ms >= 10 else round(ms, 1))} ms"
        seconds = ms / 1000
        if seconds < 60:
            return f"{self.number(round(seconds, 1))} s"
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 60:
            return f"{minutes} min {rest} s" if rest else f"{minutes} min"
        hours, minutes = divmod(minutes, 60)
        if hours < 48:
            return f"{hours} h {minutes} min" if minutes else f"{hours} h"
        days, hours = divmod(hours, 24)
        return f"{days} d {hours} h" if hours else f"{days} d"

    def ago(self, ms: int | None) -> str:
        """A time as "há 5 minutos" or "em 2 horas"."""
        if not ms:
            return DASH
        try:
            passed = timedelta(milliseconds=ms - self._now_ms())
        except OverflowError:  # a job from elsewhere may hold any number
            return DASH
        if abs(passed) < timedelta(seconds=1):
            return _NOW[self._language]
        return format_timedelta(passed, add_direction=True, threshold=1.2, locale=self._locale)

    def time(self, ms: int | None) -> str:
        """A time in full, to the second: 23/11/2026 10:15:04."""
        if not ms:
            return DASH
        pattern = "dd/MM/yyyy HH:mm:ss" if self._language == "pt" else "yyyy-MM-dd HH:mm:ss"
        return format_datetime(self._at(ms), pattern, locale=self._locale)

    def short_time(self, ms: int | None) -> str:
        """A time to the minute, with the day when it is another one than today: 10:15, or 22/11 18:40."""
        if not ms:
            return DASH
        at, now = self._at(ms), self._at(self._now_ms())
        if at.date() == now.date():
            return format_datetime(at, "HH:mm", locale=self._locale)
        day = "dd/MM" if self._language == "pt" else "MMM d"
        return format_datetime(at, f"{day if at.year == now.year else day + ' y'} HH:mm", locale=self._locale)

    def day(self, ms: int | None) -> str:
        """A time as its day alone: 22/11, or Nov 22."""
        return (
            format_datetime(self._at(ms), "dd/MM" if self._language == "pt" else "MMM d", locale=self._locale)
            if ms
            else DASH
        )

    @property
    def zone(self) -> str:
        """The name of the reader's time zone, for scripts."""
        return str(self._zone)

    def iso(self, ms: int | None) -> str:
        """A time for the attribute `datetime`."""
        return self._at(ms or 0).isoformat(timespec="milliseconds")

    def input_time(self, ms: int | None) -> str:
        """A time as the value of `<input type="datetime-local">`."""
        return self._at(ms).strftime("%Y-%m-%dT%H:%M") if ms else ""

    def read_time(self, field: str, text: str) -> int:
        """What such an input sends, in ms since 1970; raises InvalidPayload naming the field."""
        try:
            return round(datetime.fromisoformat(text).replace(tzinfo=self._zone).timestamp() * 1000)
        except (ValueError, OverflowError):
            raise InvalidPayload(field, "must be a date and a time, such as 2026-12-24T09:00") from None

    def _at(self, ms: int) -> datetime:
        try:
            return datetime.fromtimestamp(ms / 1000, tz=self._zone)
        except (ValueError, OverflowError, OSError):  # a job from elsewhere may hold any number
            return datetime.fromtimestamp(0, tz=self._zone)

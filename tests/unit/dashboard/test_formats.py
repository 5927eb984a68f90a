"""Values as people of each language write them."""

from zoneinfo import ZoneInfo

import pytest

from oxyq.dashboard.formats import Formats
from oxyq.dashboard.words import Language

#: 2026-11-23 10:15:04 in São Paulo.
NOW = 1_795_439_704_000
HOUR = 3_600_000


def formats(language: Language) -> Formats:
    return Formats(language, ZoneInfo("America/Sao_Paulo"), lambda: NOW)


@pytest.mark.parametrize(
    ("what", "value", "pt", "en"),
    [
        ("number", 1234567, "1.234.567", "1,234,567"),
        ("number", 0.125, "0,12", "0.12"),
        ("number", None, "–", "–"),
        ("number", 10**400, "∞", "∞"),
        ("number", 1e300, "∞", "∞"),
        ("ago", 10**30, "–", "–"),
        ("ago", -(10**400), "–", "–"),
        ("percent", 0.123, "12%", "12%"),
        ("percent", 0.0004, "0,1%", "0.1%"),
        ("percent", 0.9996, "99,9%", "99.9%"),
        ("percent", 0, "0%", "0%"),
        ("percent", 1, "100%", "100%"),
        ("bytes", 900, "900 B", "900 B"),
        ("bytes", 1536, "1,5 KB", "1.5 KB"),
        ("bytes", 3 * 1024**3, "3 GB", "3 GB"),
        ("bytes", 5000 * 1024**4, "5.000 TB", "5,000 TB"),
        ("duration", 4.25, "4,2 ms", "4.2 ms"),
        ("duration", 350, "350 ms", "350 ms"),
        ("duration", 4200, "4,2 s", "4.2 s"),
        ("duration", 200_000, "3 min 20 s", "3 min 20 s"),
        ("duration", 2 * HOUR + 300_000, "2 h 5 min", "2 h 5 min"),
        ("duration", 99 * HOUR, "4 d 3 h", "4 d 3 h"),
        ("ago", NOW - 300_000, "há 5 minutos", "5 minutes ago"),
        ("ago", NOW + 2 * HOUR, "em 2 horas", "in 2 hours"),
        ("ago", NOW - 10, "agora", "now"),
        ("ago", None, "–", "–"),
        ("time", NOW, "23/11/2026 10:15:04", "2026-11-23 10:15:04"),
        ("time", 10**18, "31/12/1969 21:00:00", "1969-12-31 21:00:00"),
        ("short_time", NOW - HOUR, "09:15", "09:15"),
        ("short_time", NOW - 20 * HOUR, "22/11 14:15", "Nov 22 14:15"),
        ("short_time", NOW - 400 * 24 * HOUR, "19/10 2025 10:15", "Oct 19 2025 10:15"),
        ("iso", NOW, "2026-11-23T10:15:04.000-03:00", "2026-11-23T10:15:04.000-03:00"),
    ],
)
def test_written_as_people_do(what: str, value: float, pt: str, en: str) -> None:
    assert [getattr(formats(language), what)(value) for language in ("pt", "en")] == [pt, en]

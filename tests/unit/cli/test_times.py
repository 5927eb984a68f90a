"""Times as people write and read them."""

from datetime import datetime

import pytest
import typer

from oxyq.cli.endings import WrongUse
from oxyq.cli.times import StartAt, stamped, told

SAO_PAULO, NEW_YORK = "America/Sao_Paulo", "America/New_York"
#: A Tuesday, 12:00 in São Paulo.
NOW = 1_795_532_400_000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("written", "time_zone", "at"),
    [
        ("2026-12-01T09:00", SAO_PAULO, "2026-12-01T09:00-03:00"),
        ("2026-12-01 09:00:30", SAO_PAULO, "2026-12-01T09:00:30-03:00"),
        ("2026-12-01T09:00", NEW_YORK, "2026-12-01T09:00-05:00"),
        ("2026-12-01T09:00Z", SAO_PAULO, "2026-12-01T09:00+00:00"),
        ("2026-12-01T09:00+02:00", SAO_PAULO, "2026-12-01T09:00+02:00"),
        # Twice on this day: the first is meant.
        ("2026-11-01T01:30", NEW_YORK, "2026-11-01T01:30-04:00"),
        ("+2h", SAO_PAULO, "2026-11-24T14:00-03:00"),
        ("+1h30m", NEW_YORK, "2026-11-24T13:30-03:00"),
    ],
)
def test_a_time_is_taken_by_the_clock_of_the_zone(written: str, time_zone: str, at: str) -> None:
    assert StartAt.parse(written).on_clock(time_zone, NOW) == datetime.fromisoformat(at).timestamp() * 1000


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("tomorrow", "write 2026-12-01T09:00 or"),
        ("2026-12-01", "write 2026-12-01T09:00 or"),
        ("1.12.2026 09:00", "write 2026-12-01T09:00 or"),
        ("2026-02-30T09:00", "no calendar or clock has"),
        ("2026-12-01T24:30", "no calendar or clock has"),
        ("+2", "give its unit, such as 2s"),
        ("+", "7d, 12h"),
        ("2h", "or +2h"),
    ],
)
def test_anything_else_is_refused_with_a_hint(written: str, hint: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        StartAt.parse(written)
    assert hint in str(refused.value)


def test_a_time_that_the_clock_jumps_over_is_refused() -> None:
    with pytest.raises(WrongUse, match=r"2026-03-08 02:30 does not exist in America/New_York.*mean 2026-03-08T03:30"):
        StartAt.parse("2026-03-08T02:30").on_clock(NEW_YORK, NOW)


def test_times_are_told_as_people_say_them() -> None:
    assert told(NOW + 2 * HOUR, SAO_PAULO, NOW) == "today 14:00"
    assert told(NOW + 12 * HOUR, SAO_PAULO, NOW) == "tomorrow 00:00"
    assert told(NOW - 13 * HOUR, SAO_PAULO, NOW) == "yesterday 23:00"
    assert told(NOW + 7 * 24 * HOUR, SAO_PAULO, NOW) == "Tue 2026-12-01 12:00"
    assert told(NOW + 12 * HOUR, NEW_YORK, NOW) == "today 22:00"
    assert stamped(NOW, SAO_PAULO) == "2026-11-24 12:00:00"

"""The next runs of a scheduler, told beforehand."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from oxyq.automations.scheduler_list import upcoming
from oxyq.engine.schedulers import StoredScheduler

HOUR = 3_600_000
NOW = 1_795_377_084_000


def stored(next_ms: int, **more: object) -> StoredScheduler:
    known = {
        "id": "s", "name": "automation", "next_ms": next_ms, "data": None, "every_ms": None, "cron": None,
        "time_zone": None, "limit": None, "starts_ms": None, "ends_ms": None,
    }  # fmt: skip
    return StoredScheduler(**{**known, **more})  # type: ignore[arg-type]


def test_every_so_often_from_its_next_run_on() -> None:
    runs = upcoming(stored(NOW + 5, every_ms=HOUR), NOW)

    assert runs == tuple(NOW + 5 + number * HOUR for number in range(5))


def test_one_that_nobody_took_for_a_while_goes_on_at_its_pace() -> None:
    """No worker ran: its next run is long past, and what comes after is what counts."""
    runs = upcoming(stored(NOW - 10 * HOUR - 1, every_ms=HOUR), NOW)

    assert runs[0] == NOW + HOUR - 1
    assert len(runs) == 5


def test_cron_goes_by_the_clock_of_its_zone_and_knows_its_end() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    first = int(datetime(2026, 11, 24, 9, tzinfo=zone).timestamp() * 1000)

    runs = upcoming(stored(first, cron="0 9 * * 1-5", time_zone="America/Sao_Paulo", ends_ms=first + 72 * HOUR), NOW)

    told = [datetime.fromtimestamp(ms / 1000, tz=zone).strftime("%a %d %H:%M") for ms in runs]
    assert told == ["Tue 24 09:00", "Wed 25 09:00", "Thu 26 09:00", "Fri 27 09:00"]


@pytest.mark.parametrize(
    ("scheduler", "runs"),
    [
        (stored(NOW - 1, every_ms=HOUR, ends_ms=NOW - 1), 0),
        (stored(NOW + 1, cron="no line of cron"), 1),
        (stored(NOW + 1), 1),
        (stored(NOW - 1), 0),
    ],
    ids=["over", "a line that only Node reads", "no rule", "no rule, past"],
)
def test_what_cannot_be_foreseen_is_left_out(scheduler: StoredScheduler, runs: int) -> None:
    assert len(upcoming(scheduler, NOW)) == runs

"""Node and we read a cron line alike, also in the nights in which the clock is changed: they take turns with it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from oxyq.engine.schedulers import next_cron_ms

PATTERNS = (
    "*/5 * * * *|0 9 * * 1-5|30 8 1 * *|0 0 L * *|0 12 * * 1#2|0 9 * * MON-FRI|0 9 ? * *|15 10 * * 7|15 10 * * 0|"
    "0 0 29 2 *|*/20 * * * * *|0 */2 * * * *|@hourly|@daily|@weekly|0 9 1,15 * 3|0 9 * JAN,JUL *|5/15 * * * *|"
    "0 0-23/3 * * *|30 1 * * *|30 2 * * *|0 0 * * *|0 * * * *|0 9 * * 6-7|0 0 31 * *"
).split("|")
ZONES = ("America/Sao_Paulo", "America/New_York", "Europe/Lisbon", "UTC")
MOMENTS = {
    "an evening": "2026-11-22T22:31:10+00:00",
    "before spring in New York": "2027-03-14T05:00:00+00:00",
    "minutes before spring in New York": "2027-03-14T06:45:00+00:00",
    "before autumn in New York": "2027-11-07T04:45:00+00:00",
    "in the hour that comes twice": "2027-11-07T05:35:00+00:00",
    "in the same hour when it comes again": "2027-11-07T06:35:00+00:00",
    "before spring in Lisbon": "2027-03-28T00:30:00+00:00",
    "before autumn in Lisbon": "2027-10-31T00:30:00+00:00",
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("zone", ZONES)
async def test_node_and_we_find_the_same_next_time(node, zone, moment):
    # Given a moment, and cron lines of every kind
    after_ms = int(datetime.fromisoformat(MOMENTS[moment]).timestamp() * 1000)

    # When Node, and we, look for the first time after it
    theirs = await node.call("nextTimes", patterns=PATTERNS, zone=zone, afterMs=after_ms)
    ours = [next_cron_ms(pattern, after_ms, zone) for pattern in PATTERNS]

    # Then it is the same for each
    shown = {
        pattern: [str(datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))) for ms in found]
        for pattern, *found in zip(PATTERNS, ours, theirs, strict=True)
    }
    assert {pattern: found for pattern, found in shown.items() if found[0] != found[1]} == {}

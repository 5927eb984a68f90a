"""A report of any size takes the memory of one piece: a million rows are written as a thousand are."""

import tracemalloc

from oxyq.campaigns.report import report
from tests.integration.campaigns.conftest import Desk, numbers

FEW, MANY = 2_000, 8_000
#: By how much the greatest need may differ. It is the same to a hundredth; if lines were kept, half as much again.
TOLERANCE = 1.2


async def peak(desk: Desk, campaign_id: str) -> tuple[int, int]:
    """How many lines the report has, and the most bytes that were needed at once to write it."""
    campaign, lines = await desk.campaign(campaign_id), 0
    tracemalloc.start()
    async for piece in report(desk.store, campaign, "csv"):
        lines += piece.count("\n")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return lines, most


async def test_a_long_report_needs_no_more_memory_than_a_short_one(desk: Desk) -> None:
    # Given two campaigns, half of whose rows were left out
    for campaign_id, count in (("few", FEW), ("many", MANY)):
        people = [*numbers(count // 2), *(f"no number {row}" for row in range(count // 2))]
        await desk.make(people, campaign_id=campaign_id)
        await desk.plan(campaign_id)
    await peak(desk, "few")  # what is made only once

    # When both are reported
    short, most_of_short = await peak(desk, "few")
    long, most_of_long = await peak(desk, "many")

    # Then the longer one took longer, and no more room
    assert (short, long) == (FEW + 1, MANY + 1)
    assert most_of_long < most_of_short * TOLERANCE

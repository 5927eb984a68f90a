"""What people are told: counts that add up, a line for everybody, and a look at it before it exists."""

import csv
import io
import json

import pytest
import redis.asyncio

from oxyq.campaigns.eta import Pace
from oxyq.campaigns.overview import CampaignOverview
from oxyq.campaigns.preview import Previewing
from oxyq.campaigns.progress import progress
from oxyq.campaigns.report import COLUMNS, Format, report
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.errors import InvalidPayload
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.none import NoGateway
from oxyq.limits import NumberSettings, RateLimit
from oxyq.pacing.limiter import Limiter
from oxyq.sending.lanes import Lanes
from tests.integration.campaigns.conftest import ORG, Desk, content, numbers

A, B, C, D = "5511970000001", "5592970000002", "5511970000003", "5511970000004"


async def told(desk: Desk, form: Format) -> str:
    """The whole report."""
    return "".join([piece async for piece in report(desk.store, await desk.campaign(), form)])


@pytest.fixture
async def reported(desk: Desk) -> Desk:
    """A campaign in which everything happened."""
    await desk.make([A, B, C, D, "=1+1", A])
    await desk.plan()
    await desk.release_some()
    await desk.store.note(ORG.id, "c", A, "sent", detail="wamid-1", at_ms=1)
    await desk.store.note(ORG.id, "c", A, "delivered", detail="wamid-1", at_ms=2)
    await desk.store.note(ORG.id, "c", B, "failed", detail="-not on WhatsApp", at_ms=3)
    await desk.store.note(ORG.id, "c", C, "capped", at_ms=4)
    return desk


async def test_a_line_for_everybody(reported: Desk) -> None:
    lines = [json.loads(line) for line in (await told(reported, "ndjson")).splitlines()]

    assert [(line["row"], line["number"], line["status"]) for line in sorted(lines, key=lambda line: line["row"])] == [
        (1, A, "delivered"),
        (2, B, "failed"),
        (3, C, "skipped"),
        (4, D, "planned"),
        (5, "=1+1", "skipped"),
        (6, A, "skipped"),
    ]
    by_row = {line["row"]: line for line in lines}
    assert (by_row[1]["providerId"], by_row[1]["at"], by_row[1]["reason"]) == ("wamid-1", 2, None)
    assert by_row[3]["reason"] == "capped"
    assert by_row[5]["reason"].startswith("invalid: ")
    assert by_row[6]["reason"] == "duplicate"


async def test_no_cell_is_a_formula(reported: Desk) -> None:
    """What strangers wrote is opened in a spreadsheet."""
    header, *rows = csv.reader(io.StringIO(await told(reported, "csv")))

    assert tuple(header) == COLUMNS
    assert {row[1] for row in rows} == {A, B, C, D, "'=1+1"}
    assert "'-not on WhatsApp" in {row[3] for row in rows}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_who_was_left_when_it_was_cancelled(reported: Desk) -> None:
    await reported.control.cancel(ORG.id, "c")

    lines = [json.loads(line) for line in (await told(reported, "ndjson")).splitlines()]

    assert {line["number"]: line["status"] for line in lines}[D] == "cancelled"
    counts = progress(await reported.campaign())
    assert (counts.cancelled, counts.waiting) == (1, 0)


async def test_counts_add_up_at_every_moment(desk: Desk) -> None:
    """Handed in, planned, released, ended: recipients are always all of them."""

    async def check() -> None:
        counts = progress(await desk.campaign())
        ended = counts.sent + counts.failed + counts.unconfirmed + sum(counts.skipped.values()) + counts.cancelled
        assert (counts.recipients, ended + counts.waiting) == (1203, 1203)

    await desk.make([*numbers(1200), "1", "2", *numbers(1)])
    await check()
    await desk.plan()
    await check()
    await desk.release_some()
    for number, status in ((0, "sent"), (1, "failed"), (2, "unconfirmed"), (3, "opted_out"), (4, "read")):
        await desk.store.note(ORG.id, "c", f"5511{970_000_000 + number}", status)  # type: ignore[arg-type]
        await check()
    await desk.control.cancel(ORG.id, "c")
    await check()


async def test_an_honest_end(desk: Desk) -> None:
    """By the number's limit, with what answers own of it left out; none while it is a draft."""
    shop = ORG.model_copy(update={"numbers": {"wa_1": NumberSettings(rate=RateLimit(max=60, per_seconds=60))}})
    overview = CampaignOverview(Limiter(desk.hub), Lanes(Gateways(NoGateway())))
    await desk.make(numbers(480))
    assert (await overview.of(await desk.campaign(), shop))["endsAt"] is None
    await desk.plan()

    ends_at = (await overview.of(await desk.campaign(), shop))["endsAt"]

    # 60 a minute, a fifth of which is kept for answers: 48 a minute.
    assert isinstance(ends_at, int)
    assert 9.5 * 60_000 < ends_at - now_ms() < 10.7 * 60_000


async def test_a_look_before_it_exists(desk: Desk, redis_client: "redis.asyncio.Redis", prefix: str) -> None:
    """The same people and texts as if it were made; nothing is written."""
    contacts = ContactStore(redis_client, prefix=prefix)
    await contacts.opt_out(ORG.id, D, source="test")
    before = [key async for key in redis_client.scan_iter(f"*{prefix}*")]
    previewing = Previewing(content("{Oi|Olá} {{name|você}}"), ORG, contacts, shown=2)

    await previewing.add([(A, {"name": "Ana"}), ("+55 11 97000-0001", {}), (B, {}), ("12", {}), (D, {}), (C, {})])
    preview = previewing.finish(Pace(per_second=1.0), now_ms())

    assert preview.recipients == 3
    assert preview.skipped == {"duplicate": 1, "invalid": 1, "opted_out": 1}
    assert [shown.number for shown in preview.texts] == [A, B]
    assert preview.texts[0].text in ("Oi Ana", "Olá Ana")
    assert preview.estimate is not None
    assert preview.estimate.ends_at_ms is not None
    assert [key async for key in redis_client.scan_iter(f"*{prefix}*")] == before

    await desk.make([{"number": A, "variables": {"name": "Ana"}}, B], template="{Oi|Olá} {{name|você}}")
    planned = [row async for _, _, rows in desk.store.planned(await desk.plan()) for row in rows]
    assert {row.number: row.text for row in planned} == {shown.number: shown.text for shown in preview.texts}


async def test_a_look_shows_the_mistakes_that_making_it_would(redis_client: "redis.asyncio.Redis", prefix: str) -> None:
    previewing = Previewing(content("Olá {{name}}"), ORG, ContactStore(redis_client, prefix=prefix))
    with pytest.raises(InvalidPayload, match="has no value for recipient"):
        await previewing.add([(A, {})])

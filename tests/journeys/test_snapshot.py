"""A snapshot of an installation at work: restored, it goes on where that was, and repeats nothing sent before it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from oxyq.app import App, open_app
from oxyq.settings import load_settings
from oxyq.snapshot import Job, Key, Record, export
from oxyq.snapshot.file import Header, SnapshotWriter, family_of
from oxyq.snapshot.passing import write_all
from oxyq.snapshot.pausing import queue_names
from tests.command_line import CommandLine
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended

RECIPIENTS, CHATS, REMINDERS = 700, 40, 20
#: Messages that go out while it is exported.
MEANWHILE = 25
WORKERS = {"OXYQ_LOCK_SECONDS": "1", "OXYQ_STALLED_INTERVAL_SECONDS": "0.5", "OXYQ_MAX_STALLED": "20"}


@pytest.mark.timeout(240)
async def test_what_was_lost_with_the_server_goes_on_from_its_last_backup(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, environment: dict[str, str], prefix: str, tmp_path: Path
) -> None:
    # Given a campaign that is going out, chats that are answered, and reminders that are due soon
    numbers = [f"5511{910_000_000 + 10 * n}" for n in range(RECIPIENTS)]
    await app.producer.add_campaign_job(
        campaign_id="moved", organization_id=ORGANIZATION, template="Olá {{name|cliente}}", recipients=numbers
    )
    now_ms = int(time.time() * 1000)
    writers = [f"5511{80_000 + n}0000" for n in range(CHATS)]
    for n, writer in enumerate(writers):
        await app.producer.add_message_job(
            organization_id=ORGANIZATION, instance_id="wa_demo", sender=writer, content="qual o preço do banho?",
            message_id=f"m-{n}", timestamp=now_ms,
        )  # fmt: skip
    reminded = [f"5511{70_000 + n}0000" for n in range(REMINDERS)]
    for n, number in enumerate(reminded):
        await app.producer.add_automation_job(
            automation_id=f"r-{n}", organization_id=ORGANIZATION, recipient_number=number, content="Lembrete",
            type="reminder", delay_ms=100 * n,
        )  # fmt: skip
    workers = start_oxyq("workers", "start", **WORKERS, OXYQ_CAMPAIGN_RATE="50/1", OXYQ_MESSAGE_RATE="20/1")
    await whatsapp.until(70, seconds=60)

    # When it is exported in the middle of that, slowly: many more go out before its jobs, and before the rest is read
    file, known, begun = tmp_path / "backup.ndjson.gz", set[str](), set[str]()

    async def slowly(records: AsyncIterator[Record]) -> AsyncIterator[Record]:
        async for record in records:
            part = part_of(record)
            if part and part not in begun:
                begun.add(part)
                known.update(one.to for one in await whatsapp.until(len(whatsapp.received) + MEANWHILE))
            yield record

    with file.open("wb") as stream:
        header = Header(oxyq="1.0.0", prefix=prefix, made_at=now_ms, organization_id=None, exact=False)
        writer = SnapshotWriter(stream, header, compressed=True)
        await write_all(writer, slowly(export(app.hub)))
        writer.end()
    # and its workers and their server are lost a moment later
    workers.popen.kill()
    workers.popen.wait()
    at_home = [one.to for one in whatsapp.received]

    # And it is imported elsewhere, where other workers go on
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    new = {**environment, "OXYQ_REDIS_PREFIX": f"{prefix}-new", "OXYQ_DATA_DIR": str(elsewhere)}
    imported = await asyncio.to_thread(CommandLine(elsewhere, **new).process, "snapshot", "import", str(file))
    assert imported.code == 0, imported.err
    assert len(at_home) < RECIPIENTS, "it was over before it was lost: nothing was tried"
    start_oxyq("workers", "start", **WORKERS, **new)
    there = WhatsApp(elsewhere / "simulator.jsonl")
    async with open_app(load_settings(new)) as opened:
        counts = await campaign_ended(opened, "moved", RECIPIENTS)
        await until_idle(opened)

    # Then everybody was reached
    received = [one.to for one in there.received]
    assert {*numbers, *writers, *reminded} <= {*at_home, *received}
    # Nobody got it twice there, nor what went out before the ledger was read
    assert len(received) == len(set(received))
    assert set(received) & known == set()
    # and the campaign's counts are right: of what was in hand nobody can know
    assert counts.sent + counts.unconfirmed == RECIPIENTS
    assert counts.unconfirmed <= 20


def part_of(record: Record) -> str:
    """What is read after another, but for the ledger: what goes out while that is read may be missing there."""
    if isinstance(record, Job):
        return "jobs"
    is_rest = isinstance(record, Key) and record.space == "oxyq" and not family_of(record).endswith("message")
    return "rest" if is_rest else ""


async def until_idle(app: App, seconds: float = 60.0) -> None:
    """Wait until no queue has anything to do."""
    deadline = time.monotonic() + seconds
    while any([sum(await app.queues[name].lengths(["wait", "active", "prioritized", "delayed"]))
               for name in await queue_names(app.hub) if name != "dead-letter"]):  # fmt: skip
        assert time.monotonic() < deadline, "still busy"
        await asyncio.sleep(0.1)

"""Ten thousand messages: each answered once, and nothing of ours left behind that never expires."""

import asyncio
import re
import time

import pytest

from oxyq.app import App
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp

MESSAGES = 10_000

#: Keys that may live for ever, and why.
WITHOUT_TTL = {
    "settings of tenants live until they are changed": r"oxyq:{prefix}:(org:[^:]+:organization|organizations)",
    "BullMQ's own, bounded: one each per queue": (
        r"{prefix}:[^:]+:(meta|id|pc|marker|events|completed|failed|delayed|active|wait|prioritized|stalled"
        r"|metrics:(completed|failed)(:data)?)"
    ),
    "jobs kept by retention, removed by count and age": r"{prefix}:[^:]+:(msg|auto|camp|send|dlq)-[^:]+(:logs)?",
}


@pytest.mark.timeout(120)
async def test_each_is_answered_once_and_no_key_stays_for_ever(
    app: App, environment: dict[str, str], start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    """10,000 messages in, 10,000 distinct answers out, none twice; every key has a TTL or a written reason."""
    # Given a worker process
    start_oxyq("workers", "message", OXYQ_MESSAGE_CONCURRENCY="50")

    # When ten thousand people write
    now_ms = int(time.time() * 1000)

    # Numbers that end in 0000: the simulator plays tricks with some other endings.
    async def write(number: int) -> str:
        return await app.producer.add_message_job(
            organization_id=ORGANIZATION, instance_id="wa_demo", sender=f"5511{90_000 + number}0000",
            content="qual o preço do banho?", message_id=f"bulk-{number}", timestamp=now_ms,
        )  # fmt: skip

    for start in range(0, MESSAGES, 500):
        await asyncio.gather(*(write(number) for number in range(start, start + 500)))

    # Then each got one answer
    received = await whatsapp.until(MESSAGES, seconds=90)
    assert len(received) == MESSAGES
    assert len({message.to for message in received}) == MESSAGES
    assert len({message.key for message in received}) == MESSAGES

    # And what stays in Redis without a TTL is on the list
    prefix = environment["OXYQ_REDIS_PREFIX"]
    allowed = [re.compile(pattern.replace("{prefix}", re.escape(prefix))) for pattern in WITHOUT_TTL.values()]
    keys = [key async for key in app.redis.scan_iter(f"*{prefix}*", count=1000)]
    pipe = app.redis.pipeline(transaction=False)
    for key in keys:
        pipe.ttl(key)
    for_ever = [key for key, ttl in zip(keys, await pipe.execute(), strict=True) if ttl == -1]
    assert [key for key in for_ever if not any(pattern.fullmatch(key) for pattern in allowed)] == []
    assert len([key for key in for_ever if ":msg-" in key]) <= app.settings.policies["message"].keep_completed_count

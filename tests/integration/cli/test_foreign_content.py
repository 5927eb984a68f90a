"""Commands over whatever others left in Redis: they list it, pass it over or say what is wrong, and never break."""

import asyncio
from collections.abc import Iterator

import pytest
import redis.asyncio

from tests.command_line import CommandLine
from tests.integration.foreign_jobs import KINDS, put


@pytest.fixture(autouse=True)
def left(redis_url: str, prefix: str) -> Iterator[None]:
    """One of each kind among the dead letters, among the failed and among the delayed."""

    async def leave() -> None:
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            for kind in KINDS:
                await put(client, f"{prefix}:dead-letter:", "wait", f"dlq-message-{kind}", kind)
                await put(client, f"{prefix}:message:", "failed", f"failed-{kind}", kind)
                await put(client, f"{prefix}:automation:", "delayed", f"delayed-{kind}", kind)

    asyncio.run(leave())
    yield


@pytest.mark.parametrize(
    "command",
    [
        "queues stats", "queues stats --json", "dlq list", "dlq list --json", "dlq list --reason abc --org org_1",
        "dlq replay --all", "dlq replay --all --dry-run", "automations list --org org_1", "queues retry-failed message",
        "queues clean --state failed --yes", "queues clean --state delayed --older-than 1d --yes",
        "dlq purge --all --yes", "queues rescue", "queues drain --delayed --yes",
    ],
)  # fmt: skip
def test_every_command_goes_through(oxyq: CommandLine, command: str) -> None:
    ended = oxyq(*command.split())

    assert ended.code in (0, 1), ended.err
    assert "a fault in Oxyq" not in ended.err
    assert "Traceback" not in ended.err
    for line in (ended.out + ended.err).splitlines():
        assert "\x1b" not in line


def test_each_letter_is_shown_or_said_to_be_none(oxyq: CommandLine) -> None:
    for kind in KINDS:
        ended = oxyq("dlq", "show", f"dlq-message-{kind}")
        assert ended.code == (1 if kind == "missing" else 0), (kind, ended.err)
        assert "a fault in Oxyq" not in ended.err
        assert "\x1b" not in ended.out

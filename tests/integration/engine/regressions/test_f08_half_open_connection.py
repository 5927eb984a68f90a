"""F8: without a socket timeout a half-open connection holds the worker for ever."""

import pytest

from oxyq.engine import Hub, hub, markers
from tests.integration.engine.journal import Journal
from tests.integration.engine.regressions.contender import Contender, Package

#: How long one wait for work lasts, at both, so that the test need not take the usual 5 or 10 s of each.
BLOCK_SECONDS = 1


async def test_f8_worker_on_half_open_connections_takes_work_again(
    contender: Contender, proxy, queue, prefix, monkeypatch: pytest.MonkeyPatch
):
    # Given an idle worker
    runs: Journal[str] = Journal()

    async def handler(job):
        runs.note(job.id)

    contender.url = proxy.url
    if isinstance(contender, Package):
        contender.socket_timeout_seconds = None
        await contender.start(handler, drainDelay=BLOCK_SECONDS)
    else:
        for module in (hub, markers):
            monkeypatch.setattr(module, "BLOCK_SECONDS", BLOCK_SECONDS)
            monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
        await contender.start(handler, hub=Hub(proxy.url, prefix=prefix, command_timeout_seconds=0.5))
    first = await queue.add("task", {})
    assert await runs.until(1) == [first]

    # When its connections go silent without ending, and there is work
    proxy.blackhole()
    second = await queue.add("task", {})

    # Then it notices and takes the work over new ones
    if contender.is_ours:
        assert await runs.until(2, within=4 * BLOCK_SECONDS) == [first, second]
    else:
        await runs.quiet_for(4 * BLOCK_SECONDS)
        proxy.cut()

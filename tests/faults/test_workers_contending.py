"""Two workers on one job, by force: the ledger lets one of them send."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import redis.asyncio

from oxyq.gateways.simulator import read_log

KEYS = 1_000


@pytest.mark.timeout(90)
def test_of_two_processes_that_both_run_each_of_a_thousand_jobs_one_sends(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    # Given two processes that take each job from the other, together, and then want to send its message
    log = tmp_path / "simulator.jsonl"
    command = [sys.executable, "-m", "tests.faults.contending_sender", redis_url, prefix, str(log)]
    both = [
        subprocess.Popen([*command, name, str(KEYS)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        for name in ("one", "two")
    ]
    try:
        # When they are through
        codes = [process.wait(60) for process in both]
    finally:
        for process in both:
            process.kill()

    # Then each message went out once
    assert codes == [0, 0]
    sends = Counter(message.key for message in read_log(log))
    assert len(sends) == KEYS
    assert set(sends.values()) == {1}
    # And they did meet: the job was not one's own any more, or the other had claimed the message ("Sent": or sent it)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        endings = Counter(client.lrange(f"{prefix}:endings", 0, -1))
    print(f"\n{KEYS} jobs in two processes each: {dict(endings)}")
    assert endings.total() == 2 * KEYS
    assert endings["LostJob"] + endings["Unconfirmed"] > 0

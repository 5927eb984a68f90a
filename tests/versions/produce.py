"""Adds what stands on standard input, one {"queue": …, "payload": …} a line, and prints the jobs' ids.

Runs with whichever release is on the path: only what all of them have is used here.
"""

import asyncio
import json
import sys

import oxyq

ADD = {"message": oxyq.add_message_job, "automation": oxyq.add_automation_job, "campaign": oxyq.add_campaign_job}


async def produce() -> None:
    """Add all of them, one after the other."""
    for line in sys.stdin:
        job = json.loads(line)
        print(await ADD[job["queue"]](job["payload"]), flush=True)
    await oxyq.close()


asyncio.run(produce())

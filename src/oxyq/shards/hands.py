"""What workers have in hand for one organization."""

import asyncio
import time
from typing import Final

from oxyq.app import App
from oxyq.engine.connection import RedisReplyError
from oxyq.engine.json_text import decode_json
from oxyq.errors import NotAllowed
from oxyq.queues import DEAD_LETTER

#: Longer than any handler of ours may take, and than the jobs of a worker that died need to be found.
MOST_SECONDS: Final = 150.0
_LOOK_SECONDS: Final = 0.1


async def until_nothing_in_hand(app: App, organization_id: str) -> None:
    """Wait until each of its jobs that workers had when this was called is out of their hands.

    What they take from then on they put off at once (Strays), so it need not end. NotAllowed when one takes too long.
    """
    deadline = time.monotonic() + MOST_SECONDS
    in_hand = await _in_hand(app, organization_id)
    while in_hand:
        if time.monotonic() > deadline:
            queue, job_id = min(in_hand)[:2]
            raise NotAllowed(
                f"a worker has the job {job_id} of {queue} for more than {MOST_SECONDS:g} s; run it again, "
                "or call it off by moving the organization to the shard that it is leaving"
            )
        await asyncio.sleep(_LOOK_SECONDS)
        in_hand &= await _in_hand(app, organization_id)


async def _in_hand(app: App, organization_id: str) -> set[tuple[str, str, bytes]]:
    """Queue, id and how often it was started, of each."""
    found = set[tuple[str, str, bytes]]()
    for name, queue in app.queues.items():
        ids = [] if name == DEAD_LETTER else await queue.all_ids("active")
        replies = await asyncio.gather(
            *(app.hub.commands.call("HMGET", queue.keys.job(job_id), "data", "ats") for job_id in ids),
            return_exceptions=True,
        )
        for job_id, reply in zip(ids, replies, strict=True):
            if isinstance(reply, BaseException):
                if not isinstance(reply, RedisReplyError):
                    raise reply
                continue  # its key is no job
            data, starts = reply if isinstance(reply, list) else (None, None)
            if isinstance(data, bytes) and _is_for(data, organization_id):
                found.add((name, job_id, starts if isinstance(starts, bytes) else b""))
    return found


def _is_for(data: bytes, organization_id: str) -> bool:
    try:
        value = decode_json(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("organizationId") == organization_id

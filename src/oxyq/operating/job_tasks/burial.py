"""The dead letter of a job that has not run, put there by hand."""

from oxyq.engine.attempt import dead_letter, dead_letter_id
from oxyq.engine.job import Job, MalformedJob
from oxyq.engine.json_text import encode_json
from oxyq.engine.quarantine import unreadable_letter
from oxyq.engine.queue import Queue
from oxyq.engine.scripts import NOBODY
from oxyq.engine.settlement import Burial


async def letter_of(queue: Queue, job_id: str, reason: str) -> Burial | None:
    """The letter of a job as it stands; None when there is none."""
    raw = await queue.raw(job_id, NOBODY)
    if raw is None:
        return None
    try:
        job = Job(raw, queue.name, notes=None)
    except MalformedJob as error:
        letter = unreadable_letter(raw, queue.name, f"malformed: {error}")
    else:
        job.attempt -= 1  # it counts the one to come
        letter = dead_letter(job, reason, "by-hand", job.history)
    return Burial(dead_letter_id(queue.name, job_id), encode_json(letter))

"""Ids for jobs that are given none: 96 random bits, so that nobody guesses another one's and no two are alike."""

import os
import secrets

BYTES_PER_ID = 12
#: Ids per question to the system for random bytes: one question costs as much as all the rest of adding a job.
IDS_PER_QUESTION = 256

_stock = list[str]()


def new_job_id() -> str:
    """An id that no job has."""
    if not _stock:
        digits = secrets.token_hex(BYTES_PER_ID * IDS_PER_QUESTION)
        _stock.extend(digits[at : at + 2 * BYTES_PER_ID] for at in range(0, len(digits), 2 * BYTES_PER_ID))
    return "job-" + _stock.pop()


# A forked child would hand out the same ids as its parent, and its jobs would be taken for known ones.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stock.clear)

"""Ids for jobs that are given none: 78 random bits, so that no two are alike, in as few letters as that takes.

An id stands four times in Redis while its job waits (key, list, two events); Node's are numbers, ours must be known
before they are sent. They begin with a letter: one of digits alone would be taken for one of BullMQ's own, and one
that begins with "-" for an option on a command line.
"""

import os
import secrets

RANDOM_LETTERS = 13
#: Ids per question to the system for random bytes: one question costs as much as all the rest of adding a job.
IDS_PER_QUESTION = 256

_stock = list[str]()


def new_job_id() -> str:
    """An id that no job has."""
    if not _stock:
        letters = secrets.token_urlsafe(RANDOM_LETTERS * IDS_PER_QUESTION * 3 // 4)  # 4 letters hold 3 bytes
        _stock.extend(letters[at : at + RANDOM_LETTERS] for at in range(0, len(letters), RANDOM_LETTERS))
    return "j" + _stock.pop()


# A forked child would hand out the same ids as its parent, and its jobs would be taken for known ones.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stock.clear)

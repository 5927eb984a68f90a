"""Ids that are made up are unlike each other, also in processes that were forked."""

import os
import re

from oxyq.engine.job_ids import IDS_PER_QUESTION, new_job_id
from oxyq.engine.keys import check_job_id


def test_ids_are_valid_and_never_repeat():
    ids = [new_job_id() for _ in range(3 * IDS_PER_QUESTION)]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("j[A-Za-z0-9_-]{13}", job_id) and check_job_id(job_id) for job_id in ids)


def test_forked_process_makes_ids_of_its_own():
    # Given a process that has some ids in stock
    new_job_id()
    reading, writing = os.pipe()

    # When
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os.write(writing, " ".join(new_job_id() for _ in range(20)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 4096).decode().split()
    os.close(reading)
    os.close(writing)

    # Then
    assert len(theirs) == 20
    assert not set(theirs) & {new_job_id() for _ in range(IDS_PER_QUESTION)}

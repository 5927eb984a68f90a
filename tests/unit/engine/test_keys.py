"""Names that may be given to queues and jobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.engine.keys import (
    JOB_ID_CHARACTERS,
    LONGEST_JOB_ID,
    LONGEST_QUEUE_NAME,
    RESERVED,
    QueueKeys,
    check_job_id,
    check_queue_name,
)
from oxyq.errors import InvalidPayload

GOOD_IDS = [
    "a", "job-1", "msg-0f9c", "dlq-message-job-1", "wamid.HBgNNTUxMTk=", "user@host", "A_b-C.d+e~f", "1a", "-1", "1.5",
    "0x10", "activee", "Active", "META", "x" * LONGEST_JOB_ID,
]  # fmt: skip

BAD_IDS = {
    "": "non-empty",
    "0": "integer",
    "3": "integer",
    "007": "integer",
    "9" * 30: "integer",
    "a:b": "character",
    "repeat:x": "character",
    "a b": "character",
    "a\n": "character",
    "a\r\nDEL x": "character",
    "a\x00": "character",
    "../meta": "character",
    "%00": "character",
    "*": "character",
    "a{b}": "character",
    "ação": "character",
    "😀": "character",
    "\u0430ctive": "character",
    "١٢٣": "character",
    "\ud800": "character",
    "x" * (LONGEST_JOB_ID + 1): "longer than",
}


@pytest.mark.parametrize("job_id", GOOD_IDS)
def test_harmless_job_id_is_taken_as_it_is(job_id):
    assert check_job_id(job_id) == job_id


@pytest.mark.parametrize(("job_id", "problem"), BAD_IDS.items(), ids=ascii)
def test_harmful_job_id_is_refused_with_the_reason(job_id, problem):
    with pytest.raises(InvalidPayload, match=problem) as refused:
        check_job_id(job_id)
    assert refused.value.field == "job_id"
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_id_that_names_a_key_of_the_queue_is_refused(name):
    with pytest.raises(InvalidPayload, match="key of the queue"):
        check_job_id(name)


def test_every_key_that_we_compute_is_reserved():
    keys = QueueKeys("work")
    fixed = {name for name in keys.__slots__ if name not in {"base", "name", "prefix"}}
    tails = {getattr(keys, name).removeprefix(keys.base).split(":")[0] for name in fixed}

    assert tails <= RESERVED


@given(st.text(alphabet=sorted(JOB_ID_CHARACTERS), min_size=1, max_size=20))
def test_taken_id_can_never_be_a_key_of_the_queue(job_id):
    keys = QueueKeys("work")
    try:
        check_job_id(job_id)
    except InvalidPayload:
        return
    own = {getattr(keys, name) for name in keys.__slots__}
    assert not {keys.job(job_id), keys.lock(job_id), keys.logs(job_id)} & own


@given(st.text(max_size=300))
def test_any_text_is_either_taken_or_refused(job_id):
    try:
        assert check_job_id(job_id) == job_id
    except InvalidPayload as refused:
        assert refused.field == "job_id"


@pytest.mark.parametrize("name", ["message", "dead-letter", "fila de espera", "ação", "a.b", "x" * LONGEST_QUEUE_NAME])
def test_queue_name_is_taken(name):
    assert check_queue_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a:b", "a\nb", "a\x00", "a\u202eb", "\ud800", "x" * (LONGEST_QUEUE_NAME + 1)], ids=ascii
)
def test_queue_name_that_bullmq_cannot_take_is_refused(name):
    with pytest.raises(InvalidPayload, match="queue"):
        check_queue_name(name)


def test_keys_are_laid_out_as_bullmq_does():
    keys = QueueKeys("message", prefix="bull")

    assert keys.wait == "bull:message:wait"
    assert keys.stalled_check == "bull:message:stalled-check"
    assert keys.metrics_completed == "bull:message:metrics:completed"
    assert keys.job("a-1") == "bull:message:a-1"
    assert keys.lock("a-1") == "bull:message:a-1:lock"
    assert keys.logs("a-1") == "bull:message:a-1:logs"

"""Under which keys the ledger knows what a job sends."""

from typing import Final

from oxyq.jobs import AnyPayload, Automation, CampaignSend, InboundMessage, PersonReply

#: Turns of a chat that one job answers, one message each: a person who writes on and on rarely makes it three.
MOST_TURNS: Final = 10


def turn_key(job_id: str, turn: int) -> str:
    """The answer to one turn of a chat; a job's turns count from 0."""
    return f"{job_id}/{turn}"


def automation_key(automation: Automation, job_id: str, *, is_scheduled_run: bool) -> str:
    """A reminder or follow-up; the runs of a scheduler share their data, and each is a message of its own."""
    return f"{job_id if is_scheduled_run else automation.job_id()}/0"


def message_keys(payload: AnyPayload, job_id: str, *, is_scheduled_run: bool) -> list[str]:
    """The keys of all messages that a job may send, in their order; those that it never came to have no entry."""
    match payload:
        case InboundMessage():
            return [turn_key(job_id, turn) for turn in range(MOST_TURNS)]
        case Automation():
            return [automation_key(payload, job_id, is_scheduled_run=is_scheduled_run)]
        case CampaignSend() | PersonReply():
            return [payload.message_key()]
        case _:
            return []

"""What may be done with a job as it stands: a table, and the reasons that no state tells."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from oxyq.errors import NotAllowed
from oxyq.jobs import CampaignRun, CampaignSend
from oxyq.operating.found_job import FoundJob

Action: TypeAlias = Literal["retry", "promote", "reschedule", "priority", "data", "duplicate", "remove", "fail"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

_READY: Final = frozenset(("waiting", "prioritized"))
_TO_COME: Final = _READY | {"delayed", "waiting-children"}
_ENDED: Final = frozenset(("completed", "failed"))
#: In which states each can be done.
STATES: Final[Mapping[Action, frozenset[str]]] = {
    "retry": _ENDED,
    "promote": frozenset(("delayed",)),
    "reschedule": frozenset(("delayed",)),
    "priority": _TO_COME,
    "data": _TO_COME | {"failed"},
    "duplicate": _TO_COME | _ENDED | {"active", "unknown"},
    "remove": _TO_COME | _ENDED | {"unknown"},
    "fail": frozenset(("active",)),
}
_INSTEAD: Final[Mapping[Action, str]] = {
    "retry": "only a job that has failed or completed can run again",
    "promote": "only a delayed job can be let go early",
    "reschedule": "only a delayed job has a time that can be changed",
    "priority": "only a job that has not run yet has a priority",
    "data": "only a job that waits or has failed can be changed",
    "duplicate": "it cannot be copied",
    "remove": "a job that a worker runs is not removed; wait for its end, or fail it first",
    "fail": "only a job that a worker runs can be taken away from it",
}


def why_not(action: Action, job: FoundJob) -> str | None:
    """Why this cannot be done with the job as it stands; None when it can."""
    state, payload = job.snapshot.state, job.payload
    if not job.snapshot.version:
        return job.problem  # something else stands under its key
    if state not in STATES[action]:
        return f"it is {state}: {_INSTEAD[action]}"
    match action:
        case "data" | "duplicate" if "data" in job.snapshot.too_long:
            return job.problem
        case "data" if isinstance(payload, CampaignRun):
            return "it takes its campaign along, and carries nothing that could be changed"
        case "duplicate" if payload is None:
            return f"{job.problem}; correct that first"
        case "duplicate" if isinstance(payload, CampaignRun | CampaignSend):
            return "it belongs to its campaign, which sends each message once; start or resend the campaign instead"
        case "remove" if isinstance(payload, CampaignRun) and state not in _ENDED:
            return "its campaign would stand still; pause or cancel the campaign instead"
        case "remove" if job.snapshot.scheduler_id is not None and state in _TO_COME:
            return f"it is the next run of the schedule {job.snapshot.scheduler_id}; remove the schedule instead"
        case _:
            return None


def require(action: Action, job: FoundJob) -> None:
    """Raise NotAllowed, saying why, when this cannot be done."""
    if (reason := why_not(action, job)) is not None:
        raise NotAllowed(reason)


def possible(job: FoundJob) -> tuple[Action, ...]:
    """Everything that can be done with the job as it stands."""
    return tuple(action for action in ACTIONS if why_not(action, job) is None)

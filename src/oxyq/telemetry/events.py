"""The catalogue of what Oxyq tells, beyond the engine's own events, and how it is told."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from oxyq.engine.events import EngineEvent


@dataclass(frozen=True, slots=True)
class JobHandled:
    """A handler of ours finished with a job: what it did, for whom."""

    queue: str
    job_id: str
    organization_id: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CampaignPlanned:
    """A campaign was split into one job per recipient."""

    organization_id: str
    campaign_id: str
    planned: int
    skipped: int


@dataclass(frozen=True, slots=True)
class CampaignEnded:
    """Every recipient of a campaign has been dealt with."""

    organization_id: str
    campaign_id: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class WebhookTaken:
    """A webhook was dealt with: how many of its parts ended how.

    `left_out`: the first of what was dropped, in the gateway's words or by its wrong field; never what it said.
    """

    gateway: str
    instance_id: str
    counts: Mapping[str, int]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """A number was connected or cut off."""

    organization_id: str
    instance_id: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class ChoreDone:
    """A maintenance chore found something to do."""

    chore: str
    what: str


@dataclass(frozen=True, slots=True)
class ChoreFailed:
    """A maintenance chore could not do its work; it will try again."""

    chore: str
    error: str


@dataclass(frozen=True, slots=True)
class ProcessNews:
    """Something about the process itself: started, stopping, listening."""

    text: str


@dataclass(frozen=True, slots=True)
class StrayError:
    """Something raised that nobody waited for; `where`: the code that did. What it says may be anybody's text."""

    kind: str
    where: str | None


@dataclass(frozen=True, slots=True)
class LoopLagged:
    """The event loop stood still for so long; `where`: the code that was seen to run meanwhile."""

    seconds: float
    where: str | None


@dataclass(frozen=True, slots=True)
class ProcessStuck:
    """The process made no progress for so long, at what it says, and ends."""

    seconds: float
    what: str


Event: TypeAlias = (
    EngineEvent
    | JobHandled
    | CampaignPlanned
    | CampaignEnded
    | WebhookTaken
    | ConnectionChanged
    | ChoreDone
    | ChoreFailed
    | ProcessNews
    | StrayError
    | LoopLagged
    | ProcessStuck
)
EventListener: TypeAlias = Callable[[Event], None]


class Telemetry:
    """Hands each event to every listener; one that raises is left out of it, nothing else happens."""

    def __init__(self) -> None:
        self._listeners: list[EventListener] = []

    def listen(self, listener: EventListener) -> None:
        """Hear every event from now on."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        """Tell that something happened."""
        for listener in self._listeners:
            # Whatever it raises: a leaked CancelledError or a SystemExit would end who told it, such as a worker.
            with contextlib.suppress(BaseException):
                listener(event)

"""The catalogue of what Oxyq tells, beyond the engine's own events, and how it is told."""

import contextlib
from collections.abc import Callable
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


Event: TypeAlias = EngineEvent | JobHandled | CampaignPlanned | CampaignEnded | ChoreDone | ChoreFailed | ProcessNews
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
            with contextlib.suppress(Exception):
                listener(event)

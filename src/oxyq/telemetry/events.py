"""The catalogue of what Oxyq tells, beyond the engine's own events, and how it is told."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from oxyq.engine.events import EngineEvent

if TYPE_CHECKING:  # loaded only when traces are on
    from oxyq.telemetry.traces import Traces


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


@dataclass(slots=True)  # not frozen: one per message, and that would cost half a microsecond
class SendEnded:
    """One try to send a message ended; `outcome` is a word of sending/sender.py."""

    kind: str
    outcome: str


@dataclass(frozen=True, slots=True)
class LimitMet:
    """A limit let a message wait: why, and for how long."""

    kind: str
    why: str
    wait_ms: int


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """A language model answered, was stopped since the person wrote on, or failed for a reason (`outcome`)."""

    provider: str
    outcome: str
    seconds: float
    tokens_in: int
    tokens_out: int


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
    | SendEnded
    | LimitMet
    | ModelAsked
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

    def __init__(self, traces: "Traces | None" = None) -> None:
        # Here, because it reads the catalogue above.
        from oxyq.telemetry.metrics.process_metrics import ProcessMetrics

        self.metrics = ProcessMetrics()
        self._listeners: list[EventListener] = [self.metrics.heard]
        #: By which jobs and requests are followed, None when nobody asks for it.
        self.traces = traces

    def listen(self, listener: EventListener) -> None:
        """Hear every event from now on."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        """Tell that something happened."""
        for listener in self._listeners:
            # Whatever it raises: a leaked CancelledError or a SystemExit would end who told it, such as a worker.
            with contextlib.suppress(BaseException):
                listener(event)

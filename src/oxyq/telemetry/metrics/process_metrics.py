"""What this process counts since it began, out of the events that it tells anyway."""

import platform
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any, Final, Literal, TypeAlias

from oxyq.engine import events as engine
from oxyq.telemetry import events as ours
from oxyq.telemetry.events import Event
from oxyq.telemetry.metrics.loop_lag import loop_lag_measured
from oxyq.telemetry.metrics.measured import Labels, Measured, Tally, Values, added, starts

Role: TypeAlias = Literal["api", "workers", "all"]
Counted: TypeAlias = tuple[str, Labels, float]


def _disturbed(queue: str, what: str, many: int = 1) -> list[Counted]:
    return [("oxyq_jobs_disturbed_total", (queue, what), many)]


def _limited(event: ours.LimitMet) -> list[Counted]:
    labels = (event.kind, event.why)
    return [
        ("oxyq_limiter_waits_total", labels, 1),
        ("oxyq_limiter_wait_seconds_total", labels, event.wait_ms / 1000),
    ]


def _webhook(event: ours.WebhookTaken) -> list[Counted]:
    return [("oxyq_webhook_parts_total", (event.gateway, word), many) for word, many in event.counts.items()]


def _tokens(event: ours.ModelAsked) -> list[Counted]:
    return [
        ("oxyq_ai_tokens_total", (event.provider, "in"), event.tokens_in),
        ("oxyq_ai_tokens_total", (event.provider, "out"), event.tokens_out),
    ]


#: What each event counts for. Of every job's own events there is none here: the statistics count those already.
_RULES: Final[Mapping[type, Callable[[Any], list[Counted]]]] = {
    engine.JobLost: lambda event: _disturbed(event.queue, "lost"),
    engine.JobsRecovered: lambda event: _disturbed(event.queue, "recovered", len(event.job_ids)),
    engine.JobHandedBack: lambda event: _disturbed(event.queue, "handed_back"),
    engine.JobQuarantined: lambda event: _disturbed(event.queue, "quarantined"),
    engine.WorkerTrouble: lambda event: [("oxyq_worker_troubles_total", (event.queue,), 1)],
    ours.SendEnded: lambda event: [("oxyq_sends_total", (event.kind, event.outcome), 1)],
    ours.LimitMet: _limited,
    ours.CampaignEnded: lambda event: [("oxyq_campaigns_ended_total", (), 1)],
    ours.ModelAsked: _tokens,
    ours.WebhookTaken: _webhook,
    ours.ConnectionChanged: lambda event: [("oxyq_number_changes_total", (event.state,), 1)],
    ours.ChoreFailed: lambda event: [("oxyq_chore_failures_total", (event.chore,), 1)],
    ours.StrayError: lambda event: [("oxyq_stray_errors_total", (), 1)],
}


class ProcessMetrics:
    """Hears what a process tells, and asks its parts for what they count themselves."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._parts: list[Callable[[], Measured]] = []

    def ask(self, part: Callable[[], Measured]) -> None:
        """Have a part of the process say what it counted whenever somebody asks; parts that say the same add up."""
        self._parts.append(part)

    def heard(self, event: Event) -> None:
        """Count an event; called for every job, so an event that counts for nothing costs a look into a table."""
        rule = _RULES.get(type(event))
        if rule is None:
            return
        for metric, labels, amount in rule(event):
            self._tally.count(metric, labels, amount)
        if type(event) is ours.ModelAsked:
            self._tally.observe("oxyq_ai_seconds", event.seconds, (event.provider, event.outcome))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Measure while the block runs what nobody tells."""
        async with loop_lag_measured(self._tally):
            yield

    def measured(self, role: Role) -> dict[str, Values]:
        """All that this process counted."""
        about: Measured = {"oxyq_build_info": {_about(role): 1.0}}
        return added([about, starts("every process"), self._tally.measured(), *(part() for part in self._parts)])


@cache
def _about(role: Role) -> Labels:
    return version("oxyq"), platform.python_version(), role

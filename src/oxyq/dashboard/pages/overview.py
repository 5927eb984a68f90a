"""The first page: how everything stands, in words first and in numbers then."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response

from oxyq.alerts.alert import Alert
from oxyq.alerts.rules import RULES
from oxyq.api.access import DoorKeeper, caller, no_organization
from oxyq.api.deadline import redis_deadline
from oxyq.api.query import one_of, query_parameters
from oxyq.api.statistics import ALL, SPAN_NAMES
from oxyq.app import App
from oxyq.dashboard.charts import Bars, bars
from oxyq.dashboard.live import Topic
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import NotFound
from oxyq.operating.overview import InstallationNow, QueueNow
from oxyq.outcomes import JsonValue
from oxyq.statistics.reading import SpanName

Standing = Literal["stopped", "late", "paused", "nobody", "fine"]
#: The worst of it is the headline.
_WORST_FIRST: Final[tuple[Literal["stopped", "late", "paused"], ...]] = ("stopped", "late", "paused")


class OverviewPage:
    """Shows queues, what was done, workers and Redis; to those of one organization what was done for them."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._pages = pages
        self._queues = tuple(app.settings.policies)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET the board itself."""
        router = APIRouter()
        router.add_api_route("/", self.show, methods=["GET"], dependencies=door.look())
        return router

    def topics(self) -> Mapping[str, Topic]:
        """`overview`: the numbers of now. `done:1h.all`: the chart of a span and a queue, which grows slowly."""
        return {
            "overview": Topic(self._now, sends="value", every=2),
            "done": Topic(self._done, sends="value", every=5),
        }

    async def show(self, request: Request) -> Response:
        """The page; `span` and `queue` choose what the chart shows, `organization` whose it is."""
        parameters = query_parameters(request, "span", "queue", "organization")
        span, chosen = one_of(parameters, "span", *SPAN_NAMES), one_of(parameters, "queue", ALL, *self._queues)
        principal = caller(request)
        organization_id = parameters.get("organization", principal.org)
        if organization_id is not None and not principal.may_see(organization_id):
            raise no_organization(organization_id)
        queue, seen = None if chosen == ALL else chosen, visit(request)
        shown = {"span": span, "spans": SPAN_NAMES, "chosen": chosen, "queues": (ALL, *self._queues)}
        if organization_id is not None:
            async with redis_deadline():
                drawn, own, alerts = await asyncio.gather(
                    self._bars(queue, span, organization_id),
                    self._app.overview.of_organization(organization_id),
                    self._app.alerts.firing(organization_id),
                )
            return self._pages.show(
                seen, "overview_organization.html", drawn=drawn, own=own, organization_id=organization_id,
                alerts=alerts, rules=RULES, **shown,
            )  # fmt: skip
        async with redis_deadline():
            drawn, now, alerts, times = await asyncio.gather(
                self._bars(queue, span, None),
                self._app.overview.now(),
                self._app.alerts.firing(),
                asyncio.gather(*(self._app.statistics.percentiles(name, span) for name in self._queues)),
            )
        return self._pages.show(
            seen, "overview.html", drawn=drawn, now=now, times=dict(zip(self._queues, times, strict=True)),
            standing=standing(now), words=_words(now, alerts), alerts=alerts, rules=RULES, **shown,
        )  # fmt: skip

    async def _bars(self, queue: str | None, span: SpanName, organization_id: str | None) -> Bars:
        return bars(await self._app.statistics.throughput(queue, span, organization_id))

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        """The numbers of now; of one organization there are none but those of its chart."""
        if organization_id is not None:
            return {}
        now, alerts = await asyncio.gather(self._app.overview.now(), self._app.alerts.firing())
        return {
            "queues": {queue.name: _numbers(queue) for queue in now.queues},
            "per_second": _per_second(now),
            "dead_letters": now.dead_letters,
            "active": sum(queue.counts["active"] for queue in now.queues),
            "latency_ms": None if now.redis is None else now.redis.latency_ms,
            "used_bytes": None if now.redis is None else now.redis.used_bytes,
            "words": _words(now, alerts),
        }

    async def _done(self, organization_id: str | None, argument: str) -> JsonValue:
        """A chart; what somebody may have made up is as absent as what is another organization's."""
        named, _, chosen = argument.rpartition("@")
        whose = unquote(named)
        span_name, _, queue = chosen.partition(".")
        span: SpanName | None = next((one for one in SPAN_NAMES if one == span_name), None)
        if span is None or queue not in (ALL, *self._queues):
            raise NotFound("there is no such chart")
        if organization_id is not None and whose not in ("", organization_id):
            raise no_organization(whose)
        drawn = await self._bars(None if queue == ALL else queue, span, organization_id or whose or None)
        return drawn.to_json()


def standing(now: InstallationNow) -> tuple[Standing, int]:
    """How it stands in all, and how many queues are the reason."""
    states = [queue.state for queue in now.queues]
    for state in _WORST_FIRST:
        if state in states:
            return state, states.count(state)
    is_worked = now.workers or any(queue.counts["active"] for queue in now.queues)
    return ("fine", 0) if is_worked else ("nobody", 0)


def _words(now: InstallationNow, alerts: Sequence[Alert]) -> str:
    """What is told in words: when it is another than the page has, its script asks for the page again."""
    dangers = now.redis.dangers if now.redis is not None else ()
    states = (queue.state for queue in now.queues)
    wrong = (alert.id for alert in alerts)
    return " ".join((standing(now)[0], *states, *(process.id for process in now.workers), *dangers, *wrong))


def _numbers(queue: QueueNow) -> JsonValue:
    return {
        "waiting": queue.counts["waiting"],
        "active": queue.counts["active"],
        "delayed": queue.counts["delayed"],
        "failed": queue.counts["failed"],
        "per_second": None if queue.per_second is None else round(queue.per_second.completed, 1),
        "oldest_ms": queue.oldest_waiting_ms,
    }


def _per_second(now: InstallationNow) -> float | None:
    """What all queues complete in a second just now."""
    rates = [queue.per_second.completed for queue in now.queues if queue.per_second is not None]
    return round(sum(rates), 1) if rates else None

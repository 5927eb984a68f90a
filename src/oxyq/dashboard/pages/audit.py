"""The audit: who did what, when, to what, from where, and what became of it."""

from collections.abc import Iterator, Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper, caller, no_organization
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.audit import ASKED, DONE, AuditEntry, Wanted
from oxyq.dashboard.live import Topic
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.dashboard.words import catalogue
from oxyq.errors import NotFound
from oxyq.outcomes import JsonValue

LISTED: Final = 50
#: What a deed may be about, for the choice above the list; in the order in which the board shows them.
THINGS: Final = (
    "queue", "job", "task", "dead-letter", "campaign", "conversation", "message", "automation", "schedule",
    "organization", "instance", "contact", "alert", "snapshot", "session", "access", "board",
)  # fmt: skip
_LONGEST_SHOWN: Final = 80


class AuditPage:
    """Shows the deeds that the visitor may see."""

    def __init__(self, app: App, pages: Pages, cursors: Cursors) -> None:
        self._audit = app.audit
        self._pages = pages
        self._cursors = cursors

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET audit."""
        router = APIRouter()
        router.add_api_route("/audit", self.show, methods=["GET"], dependencies=door.look(Permission.AUDIT))
        return router

    def topics(self) -> Mapping[str, Topic]:
        """What was done last, and whether it has ended."""
        return {"audit": Topic(self._latest, sends="value", every=2)}

    async def show(self, request: Request) -> Response:
        """The deeds that were done last; `organization`, `by` and `action` say which."""
        parameters = query_parameters(request, "organization", "by", "action", "cursor")
        given = {name: value.strip() or None for name, value in parameters.items()}
        who, cursor = caller(request), given.get("cursor")
        organization_id = given.get("organization") or who.org
        if organization_id is not None and not who.may_see(organization_id):
            raise no_organization(organization_id)
        by, action = given.get("by"), given.get("action")
        before = None if cursor is None else self._cursors.read(cursor)
        async with redis_deadline():
            # Before the page: what comes between is news once more, and never none.
            standing = await self._latest(who.org, "")
            page = await self._audit.page(Wanted(organization_id, by, action), before=before, limit=LISTED)
        return self._pages.show(
            visit(request),
            "audit.html",
            entries=page.entries,
            words={entry.id: action_words(entry) for entry in page.entries},
            outcomes={entry.id: outcome_words(entry) for entry in page.entries},
            details={entry.id: list(details(entry)) for entry in page.entries},
            things=THINGS,
            organization_id=organization_id,
            by=by,
            action=action,
            is_first=before is None,
            standing=standing,
            next_cursor=None if page.next is None else self._cursors.sign(page.next),
        )

    async def _latest(self, organization_id: str | None, argument: str) -> JsonValue:
        if argument:
            raise NotFound("there is one audit for each visitor")
        latest = (await self._audit.page(Wanted(organization_id), limit=1)).entries
        return " ".join(f"{entry.id} {entry.outcome}" for entry in latest)


def action_words(entry: AuditEntry) -> str | None:
    """The key of the words for what was done; None for what this version has no words for."""
    return _known(f"audit.do_{entry.deed.action.replace('.', '_').replace('-', '_')}")


def outcome_words(entry: AuditEntry) -> tuple[str, str]:
    """The key of the words for what became of it, and its tone."""
    match entry.outcome:
        case str(outcome) if outcome == DONE:
            return "audit.outcome_done", "ok"
        case str(outcome) if outcome == ASKED:
            return "audit.outcome_asked", "warn"
        case outcome:
            return _known(f"audit.outcome_{outcome}") or "audit.outcome_other", "bad"


def details(entry: AuditEntry) -> Iterator[tuple[str, str]]:
    """What else was written down, each on a line: lists by their length, and never long."""
    for name, value in entry.detail.items():
        shown = f"× {len(value)}" if isinstance(value, list | dict) else str(value)
        yield name, shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _known(key: str) -> str | None:
    return key if key in catalogue() else None

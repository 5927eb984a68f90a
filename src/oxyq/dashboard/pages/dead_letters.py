"""Failures: dead letters grouped by error, listed, replayed after a dry run, thrown away after a question."""

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from oxyq.api.access import DoorKeeper, caller, no_organization, tell_audit
from oxyq.api.deadline import redis_deadline
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.dead_letters import Filter
from oxyq.errors import InvalidPayload
from oxyq.jobs import parse_new
from oxyq.operating.bulk.task import MOST_PER_SECOND
from oxyq.operating.dead_letter_index import Place
from oxyq.operating.dead_letter_tasks import MOST_IDS, Letters
from oxyq.operating.error_classes import CLASSES
from oxyq.outcomes import JsonValue

SHOWN: Final = 50
#: Letters that are named where many are to be thrown away.
EXAMPLES: Final = 5
#: What may stand in the address of a list, and what it is called in a filter.
FIELDS: Final[Mapping[str, str]] = {
    "organization": "organizationId",
    "queue": "queue",
    "class": "errorClass",
    "group": "fingerprint",
    "reason": "reason",
}
_PLACE: Final = re.compile(r"([0-9]{1,15})\.(.{1,400})", re.DOTALL)


class DeadLettersPage:
    """Shows groups, lists and what a replay would do; one letter has a page of its own."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._letters = app.dead_letters
        self._groups = app.dead_letter_groups
        self._actions = app.dead_letter_actions
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET dead-letters, …/list, …/replay, …/purge; POST of the last two."""
        router = APIRouter()
        for path, page in (("", self.groups), ("/list", self.list), ("/replay", self.foresee), ("/purge", self.ask)):
            router.add_api_route(f"/dead-letters{path}", page, methods=["GET"], dependencies=door.look())
        for name, endpoint in (("replay", self.replay), ("purge", self.purge)):
            router.add_api_route(
                f"/dead-letters/{name}", endpoint, methods=["POST"], dependencies=door.deed(f"dead-letter.{name}")
            )
        return router

    def topics(self) -> Mapping[str, Topic]:
        """How many there are: when that changes, or the look through them goes on, the page is asked for again."""
        return {"dead-letters": Topic(self._now, every=2)}

    # --- looking ------------------------------------------------------------------------------------------------

    async def groups(self, request: Request) -> Response:
        """All groups, the biggest first."""
        given = query_parameters(request, "organization", "queue")
        wanted = _filter(request, given)
        async with redis_deadline():
            found = await self._groups.groups(wanted)
        return self._pages.show(
            visit(request), "dead_letters.html", found=found, given=given
        )  # fmt: skip

    async def list(self, request: Request) -> Response:
        """Letters, newest first: of a group, or all that fit."""
        given = query_parameters(request, *FIELDS, "before")
        before = _place(given.pop("before", None))
        wanted = _filter(request, given)
        async with redis_deadline():
            page = await self._groups.page(wanted, before=before, limit=SHOWN)
        following = None if page.next_place is None else f"{page.next_place[0]}.{page.next_place[1]}"
        return self._pages.show(
            visit(request), "dead_letter_list.html", page=page, given=given, is_first=before is None,
            following=following,
            class_options=[(one.name, visit(request).say(f"dead_letters.class_{one.name}")) for one in CLASSES],
            group=page.letters[0].error if "group" in given and page.letters else None,
        )  # fmt: skip

    async def foresee(self, request: Request) -> Response:
        """What a replay of these letters would do, before it is done."""
        letters, given = _meant(request)
        async with redis_deadline():
            forecast = await self._actions.foresee(letters, caller(request).org)
        return self._pages.show(
            visit(request), "dead_letter_replay.html", forecast=forecast, given=given, ids=letters.ids or (),
            until=now_ms(), most_per_second=MOST_PER_SECOND,
        )  # fmt: skip

    async def ask(self, request: Request) -> Response:
        """How many letters would be thrown away, before they are."""
        letters, given = _meant(request)
        async with redis_deadline():
            if letters.filter is not None:
                page = await self._groups.page(letters.filter, limit=EXAMPLES)
                examples, count = page.letters, page.count
            else:
                found = await self._letters.read(letters.ids or ())
                examples = [one for one in found if one is not None and caller(request).may_see(one.organization_id)]
                count = len(examples)
        return self._pages.show(
            visit(request), "dead_letter_purge.html", examples=examples[:EXAMPLES], count=count, given=given,
            ids=letters.ids or (), until=now_ms(),
        )  # fmt: skip

    # --- acting -------------------------------------------------------------------------------------------------

    async def replay(self, request: Request) -> Response:
        """Replay them in the background, and show how far that is."""
        form = await read_form(request)
        letters, who = _ordered(request, form), caller(request)
        per_second = form.number("per_second", least=1, most=MOST_PER_SECOND)
        async with redis_deadline():
            task = await self._actions.replay_many(letters, who.org, by=who.sub, per_second=per_second)
        tell_audit(request, task=task.id)
        return visit(request).redirect(f"tasks/{task.id}")

    async def purge(self, request: Request) -> Response:
        """Throw them away in the background, and show how far that is."""
        form = await read_form(request)
        letters, who = _ordered(request, form), caller(request)
        async with redis_deadline():
            task = await self._actions.purge_many(letters, who.org, by=who.sub)
        tell_audit(request, task=task.id)
        return visit(request).redirect(f"tasks/{task.id}")

    async def _now(self, organization_id: str | None, argument: str) -> JsonValue:
        """How many there are, and how far they are looked through: it is what the page shows that must change."""
        found = await self._groups.groups(Filter(organization_id=organization_id))
        return [await self._letters.count(), found.total, found.looked_at]


def _filter(request: Request, given: Mapping[str, str]) -> Filter:
    """What the address asks for, within what the visitor may see."""
    fields: dict[str, Any] = {FIELDS[name]: value for name, value in given.items() if name in FIELDS and value}
    wanted, who = parse_new(Filter, fields), caller(request)
    if wanted.organization_id is not None and not who.may_see(wanted.organization_id):
        raise no_organization(wanted.organization_id)
    return wanted if who.org is None else wanted.model_copy(update={"organization_id": who.org})


def _meant(request: Request) -> tuple[Letters, dict[str, str]]:
    """The letters that the address names: those that were ticked, or all that fit."""
    ids = request.query_params.getlist("ids")
    given = {name: value for name, value in request.query_params.items() if name in FIELDS and value}
    if ids and request.query_params.get("all") is None:
        return Letters(ids=_few(ids)), {}
    if request.query_params.get("all") is None and request.query_params.get("ticked") is not None:
        raise InvalidPayload("ids", "are none; tick some rows first, or take all")
    return Letters(filter=_filter(request, given)), given


def _ordered(request: Request, form: Form) -> Letters:
    """The letters that a form names; of a filter those that had failed when the question was shown."""
    if ids := form.several("ids"):
        return Letters(ids=_few(ids))
    wanted = _filter(request, {name: value for name in FIELDS if (value := form.optional(name)) is not None})
    return Letters(filter=wanted.model_copy(update={"until": form.number("until", most=10**14)}))


def _few(ids: list[str]) -> list[str]:
    if len(ids) > MOST_IDS or max(map(len, ids)) > 400:
        raise InvalidPayload("ids", f"are more than {MOST_IDS}, or none of ours; take all that fit instead")
    return ids


def _place(text: str | None) -> Place | None:
    found = _PLACE.fullmatch(text or "")
    return None if found is None else (int(found[1]), found[2])

"""One failure: the job as it was, why it failed, what a replay would do, and doing it, edited or not."""

import json
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper, caller, permitted, tell_audit
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.api.errors import as_api_error
from oxyq.api.query import query_parameters
from oxyq.api.strict_json import NotJson, parse_json
from oxyq.app import App
from oxyq.dashboard.forms import read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.dead_letters import DeadLetter
from oxyq.errors import InvalidPayload
from oxyq.masking import mask_json
from oxyq.outcomes import JsonValue


class DeadLetterPage:
    """Shows one letter, and does what its buttons say."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._app = app
        self._actions = app.dead_letter_actions
        self._pages = pages

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET dead-letters/{letter_id}; POST of its replay, of one with other data, and of its purge."""
        router = APIRouter()
        one = "/dead-letters/{letter_id}"
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        replay = door.deed("dead-letter.replay")
        router.add_api_route(f"{one}/replay", self.replay, methods=["POST"], dependencies=replay)
        router.add_api_route(f"{one}/edit", self.replay_edited, methods=["POST"], dependencies=replay)
        router.add_api_route(
            f"{one}/purge", self.purge, methods=["POST"], dependencies=door.deed("dead-letter.purge")
        )  # fmt: skip
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Nothing: a letter does not change, it only goes."""
        return {}

    async def show(self, request: Request, letter_id: str) -> Response:
        """The letter as it is."""
        query_parameters(request)
        return await self._page(request, letter_id)

    async def replay(self, request: Request, letter_id: str) -> Response:
        """Put its job back to work as it was."""
        await read_form(request)
        return await self._replay(request, letter_id)

    async def replay_edited(self, request: Request, letter_id: str) -> Response:
        """Put its job back to work with other data; shown again with what is wrong."""
        # Who sees them masked would write the masks into the job.
        await permitted(Permission.REVEAL)(request)
        written = (await read_form(request)).optional("data") or ""
        try:
            return await self._replay(request, letter_id, _read(written))
        except InvalidPayload as error:
            return await self._page(request, letter_id, written, str(error), as_api_error(error).status)

    async def purge(self, request: Request, letter_id: str) -> Response:
        """Throw it away for good."""
        await read_form(request)
        async with redis_deadline():
            await carried_through(self._actions.purge(letter_id, caller(request).org))
        return await self._done(request, "dead_letters.purged_one")

    async def _replay(self, request: Request, letter_id: str, data: JsonValue = None) -> Response:
        who = caller(request)
        tell_audit(request, edited=data is not None)
        async with redis_deadline():
            await carried_through(self._actions.replay(letter_id, who.org, by=who.sub, data=data))
        return await self._done(request, "dead_letters.replayed_one")

    async def _done(self, request: Request, told: str) -> Response:
        await self._app.sessions.flash(request.state.session_secret, told)
        return visit(request).redirect("dead-letters")

    async def _page(
        self, request: Request, letter_id: str, written: str | None = None, problem: str = "", status: int = 200
    ) -> Response:
        async with redis_deadline():
            letter = await self._app.dead_letters.get(letter_id, caller(request).org)
            foreseen = await self._actions.foresee_one(letter_id, caller(request).org)
        seen = visit(request)
        return self._pages.show(
            seen, "dead_letter.html", status, letter=letter, foreseen=foreseen, shown=_shown(seen, letter),
            written=_written(letter) if written is None else written, problem=problem,
            is_ours=letter.queue in self._app.settings.policies,
        )  # fmt: skip


def _read(text: str) -> JsonValue:
    try:
        return parse_json(text.encode())
    except NotJson as error:
        raise InvalidPayload("data", f"is not JSON: {error}") from None


def _shown(seen: Visit, letter: DeadLetter) -> str:
    data = letter.data if letter.is_readable else letter.raw
    return json.dumps(data if seen.is_revealed else mask_json(data), ensure_ascii=False, indent=2)


def _written(letter: DeadLetter) -> str:
    return json.dumps(letter.data, ensure_ascii=False, indent=2) if letter.is_readable else ""

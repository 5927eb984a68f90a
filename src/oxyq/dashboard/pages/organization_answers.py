"""What an organization answers by itself: its list of questions, its fixed rules, and trying both out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper
from oxyq.api.organizations import Question
from oxyq.app import App
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization_frame import OrganizationFrame, Wrong, lines, wrong_with
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload, NotAllowed, NotFound
from oxyq.jobs import parse_new, wire
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.replies.faq import SURE_SCORE
from oxyq.replies.trial import Trial, try_out

Kind = Literal["faq", "rules"]

#: An entry's fields in the form, and what each is called in the settings.
FIELDS: Final[Mapping[Kind, Mapping[str, str]]] = {
    "faq": {"questions": "questions", "answer": "answer"},
    "rules": {"messages": "messages", "words": "words", "reply_ids": "replyIds", "answer": "answer"},
}
#: Entries on one page; a list has up to a thousand.
SHOWN: Final = 50
_NEW: Final = "new"


class OrganizationAnswersPage:
    """Shows and changes what is answered without a model, and without a person."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._frame = OrganizationFrame(app, pages)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET the answers, and one entry; POST to save, to remove, and to try a question."""
        router, all_of_them = APIRouter(), "/organizations/{organization_id}/answers"
        router.add_api_route(all_of_them, self.show, methods=["GET"], dependencies=door.look())
        # It changes nothing; a form, so that what somebody tries stands in no address.
        router.add_api_route(f"{all_of_them}/try", self.try_question, methods=["POST"], dependencies=door.look())
        one, changes = f"{all_of_them}/{{kind}}/{{place}}", door.deed("organization.change", Permission.SETTINGS)
        router.add_api_route(one, self.edit, methods=["GET"], dependencies=door.look(Permission.SETTINGS))
        router.add_api_route(one, self.save, methods=["POST"], dependencies=changes)
        router.add_api_route(f"{one}/remove", self.remove, methods=["POST"], dependencies=changes)
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Nothing of it is live."""
        return {}

    async def show(self, request: Request, organization_id: str) -> Response:
        """All of them."""
        return self._list(request, await self._frame.organization(request, organization_id))

    async def try_question(self, request: Request, organization_id: str) -> Response:
        """What somebody would be answered who asks this."""
        organization = await self._frame.organization(request, organization_id)
        text = (await read_form(request)).optional("text") or ""
        try:
            asked = parse_new(Question, {"text": text})
        except InvalidPayload as error:
            problem = Problems(visit(request).say).told(error.problem)
            return self._list(request, organization, tried=text, wrong=Wrong({"text": problem}))
        return self._list(request, organization, tried=text, trial=try_out(organization, asked.text))

    async def edit(self, request: Request, organization_id: str, kind: str, place: str) -> Response:
        """One entry, or a new one."""
        organization = await self._frame.organization(request, organization_id)
        entries, at = _entries(organization, kind, place)
        return self._form(request, organization, _kind(kind), place, {} if at is None else _filled(entries[at]))

    async def save(self, request: Request, organization_id: str, kind: str, place: str) -> Response:
        """Save one entry."""
        organization = await self._frame.organization(request, organization_id)
        form = await read_form(request)
        entries, at = _entries(organization, kind, place)
        entry = _entry(_kind(kind), form)
        changed = [*entries, entry] if at is None else [*entries[:at], entry, *entries[at + 1 :]]
        where = len(entries) if at is None else at
        try:
            await self._frame.amend(request, organization.id, {kind: changed}, form)
        except (InvalidPayload, NotAllowed) as error:
            fields = {f"{kind}[{where}].{ours}": name for name, ours in FIELDS[_kind(kind)].items()}
            # What is wrong with a rule as a whole is that nothing triggers it.
            fields |= {f"{kind}[{where}]": "words"} if kind == "rules" else {}
            wrong = wrong_with(visit(request), error, fields)
            return self._form(request, organization, _kind(kind), place, form.filled(), wrong=wrong)
        return await self._frame.saved(request, organization.id, "/answers")

    async def remove(self, request: Request, organization_id: str, kind: str, place: str) -> Response:
        """Remove one entry."""
        organization = await self._frame.organization(request, organization_id)
        form = await read_form(request)
        entries, at = _entries(organization, kind, place)
        if at is None:
            raise _no_entry()
        await self._frame.amend(request, organization.id, {kind: [*entries[:at], *entries[at + 1 :]]}, form)
        return await self._frame.saved(request, organization.id, "/answers", "organization_page.removed")

    def _list(
        self, request: Request, organization: Organization, *, tried: str = "", trial: Trial | None = None,
        wrong: Wrong | None = None,
    ) -> Response:  # fmt: skip
        given = request.query_params.get("from", "")
        start = int(given) if given.isascii() and given.isdecimal() and len(given) < 5 else 0
        return self._frame.show(
            request, organization, "organization_answers.html", "answers", wrong=wrong,
            faq=list(enumerate(organization.faq))[start : start + SHOWN], start=start, shown=SHOWN,
            tried=tried, trial=trial, sure=SURE_SCORE,
        )  # fmt: skip

    def _form(
        self, request: Request, organization: Organization, kind: Kind, place: str, filled: Mapping[str, str], *,
        wrong: Wrong | None = None,
    ) -> Response:  # fmt: skip
        return self._frame.show(
            request, organization, "organization_answer.html", "answers", wrong=wrong, kind=kind, place=place,
            is_new=place == _NEW, filled=filled,
        )  # fmt: skip


def _kind(kind: str) -> Kind:
    match kind:
        case "faq" | "rules":
            return kind
        case _:
            raise _no_entry()


def _entries(organization: Organization, kind: str, place: str) -> tuple[Sequence[JsonValue], int | None]:
    """The entries of a kind as they are stored, and which of them is meant; None for a new one."""
    entries: Any = wire(organization).get(_kind(kind), [])
    if place == _NEW:
        return entries, None
    if not (place.isascii() and place.isdecimal() and len(place) < 5 and int(place) < len(entries)):
        raise _no_entry()
    return entries, int(place)


def _entry(kind: Kind, form: Form) -> JsonValue:
    entry: dict[str, JsonValue] = {
        ours: lines(form.optional(name)) for name, ours in FIELDS[kind].items() if ours != "answer"
    }
    entry["answer"] = form.optional("answer") or ""
    return entry | ({"handsOff": form.flag("hands_off")} if kind == "rules" else {})


def _filled(entry: JsonValue) -> dict[str, str]:
    """An entry as the form has it."""
    filled = dict[str, str]()
    for fields in FIELDS.values():
        for name, ours in fields.items():
            value = entry.get(ours) if isinstance(entry, dict) else None
            if value is not None:
                filled[name] = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    if isinstance(entry, dict) and entry.get("handsOff"):
        filled["hands_off"] = "yes"
    return filled


def _no_entry() -> NotFound:
    return NotFound("there is no such answer any more; go back to the list")

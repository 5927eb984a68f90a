"""What an organization is called, where it is, who owns it, how its chats are answered, and by which model."""

from collections.abc import Mapping
from typing import Final, get_args
from zoneinfo import available_timezones

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.answering import ConversationSettings, Provider
from oxyq.api.access import DoorKeeper
from oxyq.app import App
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization_frame import OrganizationFrame, Wrong, lines, wrong_with
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload, NotAllowed
from oxyq.jobs import wire
from oxyq.masking import mask_number
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue

PROVIDERS: Final = get_args(Provider)
#: The fields of chats: the form's names, and ours; seconds may have a fraction.
_CHATS: Final = {
    name: field.alias or name for name, field in ConversationSettings.model_fields.items()
}  # fmt: skip
_WITH_FRACTION: Final = frozenset(("quiet_seconds", "longest_wait_seconds"))

_FIELDS: Final = {
    "name": "name",
    "timeZone": "time_zone",
    "owners": "owners",
    "handOff": "hand_off",
    "conversation": "longest_wait_seconds",
    **{f"conversation.{ours}": name for name, ours in _CHATS.items()},
    "ai": "ai_model",
    "ai.model": "ai_model",
    "ai.prompt": "ai_prompt",
    "ai.dailyTokens": "ai_daily_tokens",
}


class OrganizationSettingsPage:
    """Shows and changes the settings of an organization."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._frame = OrganizationFrame(app, pages)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET and POST of the settings."""
        router, one = APIRouter(), "/organizations/{organization_id}/settings"
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        router.add_api_route(
            one, self.save, methods=["POST"], dependencies=door.deed("organization.change", Permission.SETTINGS)
        )
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Nothing of it is live."""
        return {}

    async def show(self, request: Request, organization_id: str) -> Response:
        """The settings."""
        organization = await self._frame.organization(request, organization_id)
        return self._page(request, organization, _filled(organization))

    async def save(self, request: Request, organization_id: str) -> Response:
        """Save them."""
        organization = await self._frame.organization(request, organization_id)
        form = await read_form(request)
        try:
            await self._frame.amend(request, organization.id, _given(form, organization), form)
        except (InvalidPayload, NotAllowed) as error:
            own = {name: name for name in (*_FIELDS.values(), *_CHATS)}
            return self._page(request, organization, form.filled(), wrong_with(visit(request), error, own | _FIELDS))
        return await self._frame.saved(request, organization.id, "/settings")

    def _page(
        self, request: Request, organization: Organization, filled: Mapping[str, str], wrong: Wrong | None = None
    ) -> Response:
        # Owners are people: who may not see them finds only how many there are.
        masked = [mask_number(owner) for owner in organization.owners]
        return self._frame.show(
            request, organization, "organization_settings.html", "settings", wrong=wrong, filled=filled,
            owners=masked, chats=list(_CHATS), providers=PROVIDERS, zones=_brazilian_first(),
        )  # fmt: skip


def _given(form: Form, before: Organization) -> dict[str, JsonValue]:
    """The form as settings; what the form does not have stays as it was."""
    stored = wire(before)
    chats, ai = stored.get("conversation"), stored.get("ai")
    conversation: dict[str, JsonValue] = dict(chats) if isinstance(chats, dict) else {}
    for name, ours in _CHATS.items():
        conversation[ours] = _number(form, name)
    fields: dict[str, JsonValue] = {
        "name": form.optional("name") or "",
        "timeZone": form.optional("time_zone") or "",
        "handOff": form.optional("hand_off"),
        "conversation": {name: value for name, value in conversation.items() if value is not None},
    }
    if form.flag("change_owners"):
        fields["owners"] = lines(form.optional("owners"))
    if form.optional("ai_model") is None:
        return {**fields, "ai": None}
    kept = dict(ai) if isinstance(ai, dict) else {}
    kept |= {
        "model": {"provider": form.optional("ai_provider") or PROVIDERS[0], "model": form.text("ai_model").strip()},
        "prompt": form.optional("ai_prompt") or "",
        "dailyTokens": form.number("ai_daily_tokens", least=1000, most=10**12),
    }
    return {**fields, "ai": {name: value for name, value in kept.items() if value is not None}}


def _number(form: Form, name: str) -> JsonValue:
    if name not in _WITH_FRACTION:
        return form.number(name, most=10**6)
    text = form.optional(name)
    try:
        return None if text is None else float(text.strip().replace(",", "."))
    except ValueError:
        raise InvalidPayload(name, "must be a number, such as 1.5") from None


def _filled(organization: Organization) -> dict[str, str]:
    filled = {
        "name": organization.name,
        "time_zone": organization.time_zone,
        "owners": "\n".join(organization.owners),
        "hand_off": organization.hand_off,
    }
    for name in _CHATS:
        filled[name] = f"{getattr(organization.conversation, name):g}"
    if (ai := organization.ai) is not None:
        filled |= {"ai_provider": ai.model.provider, "ai_model": ai.model.model, "ai_prompt": ai.prompt}
        filled["ai_daily_tokens"] = "" if ai.daily_tokens is None else str(ai.daily_tokens)
    return filled


def _brazilian_first() -> list[str]:
    """Names of time zones that are offered while one types: Brazil's first."""
    brazil = [
        "America/Sao_Paulo", "America/Manaus", "America/Cuiaba", "America/Campo_Grande", "America/Fortaleza",
        "America/Recife", "America/Bahia", "America/Belem", "America/Porto_Velho", "America/Boa_Vista",
        "America/Rio_Branco", "America/Noronha",
    ]  # fmt: skip
    return [zone for zone in brazil if zone in available_timezones()]

"""How much an organization may send and when: its rate, how often one person hears of it, and its sending hours."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.access.permissions import Permission
from oxyq.api.access import DoorKeeper
from oxyq.app import App
from oxyq.dashboard.forms import Form, read_form
from oxyq.dashboard.live import Topic
from oxyq.dashboard.organization_frame import OrganizationFrame, Wrong, lines, wrong_with
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload, NotAllowed
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.sending_hours import SendingHours, Week

DAYS: Final = tuple(Week.model_fields)

#: How our names of fields begin, and the form's.
_FIELDS: Final = {
    "rate.max": "rate_max",
    "rate.perSeconds": "rate_seconds",
    "rate": "rate_max",
    "frequencyCap.messages": "cap_messages",
    "frequencyCap.days": "cap_days",
    "frequencyCap": "cap_messages",
    "sendingHours.closed": "closed",
    "sendingHours.days": "mon",
    "weight": "weight",
    "quota.max": "quota_max",
    "quota.perSeconds": "quota_seconds",
    "quota": "quota_max",
    **{f"sendingHours.days.{day}": day for day in DAYS},
}


class OrganizationLimitsPage:
    """Shows and changes the limits of an organization; those of single numbers are on their pages."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._frame = OrganizationFrame(app, pages)

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET and POST of the limits."""
        router, one = APIRouter(), "/organizations/{organization_id}/limits"
        router.add_api_route(one, self.show, methods=["GET"], dependencies=door.look())
        router.add_api_route(
            one, self.save, methods=["POST"], dependencies=door.deed("organization.change", Permission.SETTINGS)
        )
        return router

    def topics(self) -> Mapping[str, Topic]:
        """Nothing of it is live."""
        return {}

    async def show(self, request: Request, organization_id: str) -> Response:
        """The limits."""
        organization = await self._frame.organization(request, organization_id)
        return self._page(request, organization, _filled(organization))

    async def save(self, request: Request, organization_id: str) -> Response:
        """Save them."""
        organization = await self._frame.organization(request, organization_id)
        form = await read_form(request)
        try:
            fields = _given(form)
            if visit(request).who.org is None:
                fields["weight"] = form.number("weight", least=1, most=100) or 1
                jobs = form.number("quota_max", least=1, most=10_000_000)
                seconds = form.number("quota_seconds", least=1, most=86_400)
                fields["quota"] = None if jobs is None else {"max": jobs, "perSeconds": seconds or 3600}
            await self._frame.amend(request, organization.id, fields, form)
        except (InvalidPayload, NotAllowed) as error:
            # Reading the form names its own fields.
            wrong = wrong_with(visit(request), error, {**{name: name for name in _FIELDS.values()}, **_FIELDS})
            return self._page(request, organization, form.filled(), wrong)
        return await self._frame.saved(request, organization.id, "/limits")

    def _page(
        self, request: Request, organization: Organization, filled: Mapping[str, str], wrong: Wrong | None = None
    ) -> Response:
        return self._frame.show(
            request, organization, "organization_limits.html", "limits", wrong=wrong, filled=filled, days=DAYS
        )


def _given(form: Form) -> dict[str, JsonValue]:
    """The form as settings; what is switched off is null, which is none."""
    rate, seconds = form.number("rate_max", least=1, most=1_000_000), form.number("rate_seconds", least=1, most=86_400)
    messages, days = form.number("cap_messages", least=1, most=100), form.number("cap_days", least=1, most=30)
    hours: JsonValue = None
    if form.flag("has_hours"):
        hours = {
            "days": {day: windows for day in DAYS if (windows := _windows(form.optional(day)))},
            "holidays": form.flag("holidays"),
            "closed": lines((form.optional("closed") or "").replace(",", "\n")),
        }
    return {
        "rate": None if rate is None else {"max": rate, "perSeconds": seconds or 60},
        "frequencyCap": None if messages is None else {"messages": messages, "days": days or 7},
        "sendingHours": hours,
    }


def _windows(text: str | None) -> list[JsonValue]:
    """`09:00-12:00, 14:00-18:00` as pairs; what is none is refused by who checks the settings."""
    windows = list[JsonValue]()
    for part in (text or "").replace(";", ",").replace("–", "-").split(","):
        if part.strip():
            windows.append([clock.strip() for clock in part.split("-")])
    return windows


def _filled(organization: Organization) -> dict[str, str]:
    """The settings as the form has them; hours that nobody has set are suggested."""
    hours = organization.sending_hours or SendingHours()
    filled = {"weight": str(organization.weight), "closed": "\n".join(day.isoformat() for day in hours.closed)}
    for day, windows in zip(DAYS, hours.days.days(), strict=True):
        filled[day] = ", ".join(f"{opens}-{closes}" for opens, closes in windows)
    if organization.sending_hours is not None:
        filled["has_hours"] = "yes"
    if hours.holidays:
        filled["holidays"] = "yes"
    if (rate := organization.rate) is not None:
        filled |= {"rate_max": str(rate.max), "rate_seconds": str(rate.per_seconds)}
    if (quota := organization.quota) is not None:
        filled |= {"quota_max": str(quota.max), "quota_seconds": str(quota.per_seconds)}
    if (cap := organization.frequency_cap) is not None:
        filled |= {"cap_messages": str(cap.messages), "cap_days": str(cap.days)}
    return filled

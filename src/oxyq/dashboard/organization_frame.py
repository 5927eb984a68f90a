"""What the pages of one organization share: whose they are, their tabs, and saving a part of its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response

from oxyq.api.access import no_organization, tell_audit
from oxyq.api.deadline import redis_deadline
from oxyq.app import App
from oxyq.dashboard.forms import Form
from oxyq.dashboard.organization import told_in_its_time
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.rendering import Pages
from oxyq.dashboard.visit import Visit, visit
from oxyq.errors import InvalidPayload, NotAllowed
from oxyq.operating.organizations import OrganizationControl
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue

#: The tabs, and what each adds to the organization's address.
TABS: Final[Mapping[str, str]] = {
    "overview": "",
    "answers": "/answers",
    "limits": "/limits",
    "opt_outs": "/opt-outs",
    "settings": "/settings",
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a form: by the name of its field, and what is nobody's in particular."""

    at: Mapping[str, str] = field(default_factory=dict)
    general: str = ""

    def __bool__(self) -> bool:
        return bool(self.at or self.general)

    def of(self, name: str) -> str:
        """What is wrong with this field; "" for nothing."""
        return self.at.get(name, "")


class OrganizationFrame:
    """Finds the organization of a page, shows it within its tabs, and saves what a form changes."""

    def __init__(self, app: App, pages: Pages) -> None:
        self._sessions = app.sessions
        self._control = OrganizationControl(app.organizations)
        self._pages = pages

    async def organization(self, request: Request, organization_id: str) -> Organization:
        """The one in the address; NotFound for another one than the visitor's."""
        if not visit(request).who.may_see(organization_id):
            raise no_organization(organization_id)
        async with redis_deadline():
            return await self._control.find(organization_id)

    def show(
        self, request: Request, organization: Organization, template: str, tab: str, /, *,
        wrong: Wrong | None = None, **values: object,
    ) -> Response:  # fmt: skip
        """A page of it; 422 when something in its form is wrong."""
        return self._pages.show(
            told_in_its_time(visit(request), organization), template, 422 if wrong else 200,
            organization=organization, tab=tab, tab_pages=TABS, wrong=wrong or Wrong(),
            address=address_of(organization.id), **values,
        )  # fmt: skip

    async def amend(
        self, request: Request, organization_id: str, fields: Mapping[str, JsonValue], form: Form
    ) -> Organization:
        """Save these fields; raises InvalidPayload, and NotAllowed when somebody changed it since the form was made."""
        tell_audit(request, fields=list(fields))
        async with redis_deadline():
            return await self._control.amend(
                organization_id, fields, version=form.text("version"), is_tenant=visit(request).who.org is not None
            )

    async def saved(
        self, request: Request, organization_id: str, page: str = "", key: str = "organization_page.saved"
    ) -> Response:
        """Go on to a page of it, where one reads that it is done."""
        await self._sessions.flash(request.state.session_secret, key)
        return visit(request).redirect(address_of(organization_id) + page)


def wrong_with(visited: Visit, error: InvalidPayload | NotAllowed, fields: Mapping[str, str]) -> Wrong:
    """An error at the fields of the form; `fields`: how our names of them begin -> the form's."""
    if isinstance(error, NotAllowed):
        return Wrong(general=visited.say("organization_page.changed_meanwhile"))
    problems, at, general = Problems(visited.say), dict[str, str](), list[str]()
    for name, problem in error.problems:
        known = max((one for one in fields if name.startswith(one)), key=len, default=None)
        if known is None:
            general.append(f"{name}: {problems.told(problem)}")
        else:
            at.setdefault(fields[known], problems.told(problem))
    return Wrong(at, "; ".join(general))


def address_of(organization_id: str) -> str:
    """The page of an organization."""
    return f"organizations/{quote(organization_id, safe='')}"


def lines(text: str | None) -> list[JsonValue]:
    """What a text area holds, a line each; blank ones are left out."""
    return [line.strip() for line in (text or "").split("\n") if line.strip()]

"""Changing an organization while others do: by what was read, whole or in part; and pausing it."""

from collections.abc import Mapping

from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload, NotFound
from oxyq.jobs import parse_new, parse_stored, wire
from oxyq.organizations import Organization, OrganizationStore
from oxyq.outcomes import JsonValue

#: What concerns all organizations and not only the one that has it.
INSTALLATION_FIELDS = frozenset(("weight", "quota"))
#: What is changed by an order of its own.
_ORDERED = frozenset(("pausedAt",))


class OrganizationControl:
    """Changes organizations. All raise InvalidPayload naming the field, and QueueUnavailable.

    `version` is that of the organization that was read: NotAllowed when it has another by now. `is_tenant`: who asks
    may not change what concerns all organizations.
    """

    def __init__(self, organizations: OrganizationStore) -> None:
        self._organizations = organizations

    async def find(self, organization_id: str) -> Organization:
        """One organization; NotFound."""
        found = await self._organizations.get(organization_id)
        if found is None:
            raise NotFound(f"there is no organization {organization_id}; check its id")
        return found

    async def replace(
        self, organization_id: str, fields: Mapping[str, JsonValue], *, version: str | None, is_tenant: bool
    ) -> Organization:
        """Set all that it has; what is left out gets its default. It is made when there is none and all may be set."""
        given = parse_new(Organization, {**_named(organization_id, fields), "id": organization_id})

        def replaced(before: Organization) -> Organization:
            after = {**wire(given), **_kept(before, _ORDERED)}
            return _changed(before, after, is_tenant=is_tenant)

        try:
            return await self._organizations.change(organization_id, replaced, version=version)
        except NotFound:
            if is_tenant or version is not None:
                raise
        new = given.model_copy(update={"paused_at": None})
        await self._organizations.save(new)
        return new

    async def amend(
        self, organization_id: str, fields: Mapping[str, JsonValue], *, version: str | None, is_tenant: bool
    ) -> Organization:
        """Set some of what it has: each field as a whole, null for its default. NotFound."""
        fields = _named(organization_id, fields)
        set_fields = {name: value for name, value in fields.items() if value is not None}
        # Only what is given is checked to the letter: what Node put beside it stays.
        checked = wire(parse_new(Organization, {"name": "–", **set_fields, "id": organization_id}))

        def amended(before: Organization) -> Organization:
            after = {name: value for name, value in wire(before).items() if name not in fields or name in _ORDERED}
            after |= {name: checked[name] for name in set_fields if name not in _ORDERED}
            return _changed(before, after, is_tenant=is_tenant)

        return await self._organizations.change(organization_id, amended, version=version)

    async def pause(self, organization_id: str) -> Organization:
        """Let nothing of it go out from now on, within a second everywhere; nothing is lost. NotFound."""

        def paused(before: Organization) -> Organization:
            return before if before.is_paused else before.model_copy(update={"paused_at": now_ms()})

        return await self._organizations.change(organization_id, paused)

    async def resume(self, organization_id: str) -> Organization:
        """Let everything go on, what waited first: workers find it themselves, within seconds. NotFound."""
        return await self._organizations.change(
            organization_id, lambda before: before.model_copy(update={"paused_at": None})
        )


def _named(organization_id: str, fields: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    if fields.get("id", organization_id) != organization_id:
        raise InvalidPayload("id", "is another than the address says; leave it out")
    for name, field in Organization.model_fields.items():
        # On the wire there is one name for each.
        if field.alias != name and name in fields:
            raise InvalidPayload(name, f"is not a known field; did you mean {field.alias}?")
    return fields


def _kept(organization: Organization, names: frozenset[str]) -> dict[str, JsonValue]:
    return {name: value for name, value in wire(organization).items() if name in names}


def _changed(before: Organization, after: Mapping[str, JsonValue], *, is_tenant: bool) -> Organization:
    changed = parse_stored(Organization, dict(after))
    if is_tenant:
        for name in INSTALLATION_FIELDS:
            if getattr(before, name) != getattr(changed, name):
                raise InvalidPayload(name, "concerns all organizations, and your access is for one; leave it as it is")
    return changed

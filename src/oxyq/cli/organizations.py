"""`oxyq orgs`: the tenants and their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxyq.cli.arguments import AsJson, Yes, examples
from oxyq.cli.confirm import ask, must_be_sure
from oxyq.cli.deeds import who
from oxyq.cli.entries import read_value
from oxyq.cli.output import as_json as to_json
from oxyq.cli.output import print_json, print_table, say, say_block
from oxyq.cli.session import with_app
from oxyq.errors import InvalidPayload, NotFound

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.organizations import Organization
    from oxyq.outcomes import JsonValue
    from oxyq.privacy.receipt import Receipt

#: Characters of a value that are shown when it changed.
SHOWN = 200

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

OrganizationId = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization's id.")]


@group.command(
    "set", epilog=examples("oxyq orgs set shop.json", "oxyq orgs show org_1 --json | edit | oxyq orgs set -")
)
def set_organization(
    source: Annotated[str, typer.Argument(metavar="FILE", help="A JSON file, or - for standard input.")],
    as_json: AsJson = False,
) -> None:
    """Store one organization in place of what was there, and print what changed.

    Fields: id, name, timeZone, owners, instances, faq (questions and answer), handOff. What is left out gets its
    default again.

    \b
    Limits, none of which need be there:
      "sendingHours":  {"days": {"mon": [["09:00", "20:00"]]}, "holidays": false, "closed": ["2026-12-24"]}
      "frequencyCap":  {"messages": 2, "days": 7}
      "rate":          {"max": 60, "perSeconds": 60}
      "numbers":       {"wa_1": {"gateway": "baileys", "daily": 100, "gapSeconds": [8, 30]}}
      "weight":        1
      "quota":         {"max": 5000, "perSeconds": 3600}
    """
    from oxyq.jobs import parse_new, wire
    from oxyq.organizations import Organization

    # parse_new says so when it is no object.
    organization = parse_new(Organization, read_value(source))  # type: ignore[arg-type]  # it says so if it is no object

    async def work(app: App) -> tuple[bool, dict[str, JsonValue]]:
        before = await _before(app, organization.id)
        await app.organizations.save(organization)
        return before is None, {} if before is None else wire(before)

    is_new, before = with_app(work, organization_id=organization.id)
    changes = _changes(before, wire(organization))
    if as_json:
        print_json({"id": organization.id, "created": is_new, "changed": dict[str, Any](changes)})
        return
    say(f"{organization.id}: {'created' if is_new else 'changed' if changes else 'nothing changed'}")
    for field, (old, new) in changes.items():
        say(f"  {field}: {_short(new)}" if is_new else f"  {field}: {_short(old)} → {_short(new)}")


@group.command(epilog=examples("oxyq orgs show org_1", "oxyq orgs show org_1 --json"))
def show(
    organization_id: Annotated[str, typer.Argument(metavar="ID", help="The organization's id.")],
    as_json: AsJson = False,
) -> None:
    """Show one organization."""
    from oxyq.jobs import wire

    async def work(app: App) -> Organization:
        return await existing(app, organization_id)

    found = with_app(work)
    if as_json:
        print_json(wire(found))
        return
    for name, value in wire(found).items():
        if name != "faq":
            say(f"{name + ':':<14}{_plain(value)}")
    for entry in found.faq:
        say_block(f"\n? {' / '.join(entry.questions)}\n{entry.answer}")


@group.command("list", epilog=examples("oxyq orgs list"))
def list_organizations(as_json: AsJson = False) -> None:
    """List all organizations."""
    from oxyq.jobs import wire

    async def work(app: App) -> list[Organization]:
        return await app.organizations.list()

    found = with_app(work)
    if as_json:
        print_json({"organizations": list[Any](wire(organization) for organization in found)})
        return
    rows = [(one.id, len(one.owners), len(one.instances), len(one.faq), one.time_zone, one.name) for one in found]
    numbers = ("owners", "instances", "faq")
    print_table(("id", *numbers, "time zone", "name"), rows, numbers)


@group.command(epilog=examples("oxyq orgs encrypt org_1"))
def encrypt(organization_id: OrganizationId) -> None:
    """Seal the texts of chats from now on, under a key of this organization alone; `oxyq orgs shred` throws it away.

    Turn it on when every process is of this release: older ones cannot read what is sealed.
    """

    async def work(app: App) -> bool:
        await existing(app, organization_id)
        return await app.text_keys.make(organization_id)

    is_new = with_app(work)
    say(f"{organization_id}: texts of chats are sealed {'from now on' if is_new else 'already'}")


@group.command(epilog=examples("oxyq orgs shred org_1 --yes > receipt.json"))
def shred(organization_id: OrganizationId, yes: Yes = False) -> None:
    """Throw away the key of an organization's texts: all that was sealed is unreadable, for good; prints a receipt."""
    must_be_sure(yes, "shredding an organization's texts")
    if not yes:
        ask(f"Make all sealed texts of {organization_id} unreadable, for good?")

    async def work(app: App) -> Receipt:
        await existing(app, organization_id)
        return await app.erasure.shred(organization_id, by=who(), door="cli")

    from oxyq.jobs import wire

    print_json(wire(with_app(work)))


async def _before(app: App, organization_id: str) -> Organization | None:
    try:
        return await app.organizations.get(organization_id)
    except InvalidPayload:
        return None  # broken in Redis: replacing it is the cure


def _changes(before: dict[str, JsonValue], after: dict[str, JsonValue]) -> dict[str, list[JsonValue]]:
    names = [*after, *(name for name in before if name not in after)]
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def _short(value: JsonValue) -> str:
    text = to_json(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _plain(value: JsonValue) -> str:
    if isinstance(value, dict):
        return to_json(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


async def existing(app: App, organization_id: str) -> Organization:
    """The organization; raises NotFound saying how to see which there are."""
    found = await app.organizations.get(organization_id)
    if found is None:
        raise NotFound(f"there is no organization {organization_id!r}; list them with: oxyq orgs list")
    return found

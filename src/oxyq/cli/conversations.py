"""`oxyq conversations`: the chats, what was said in them, and who answers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from oxyq.cli.arguments import AsJson, examples
from oxyq.cli.organizations import existing
from oxyq.cli.output import print_json, print_table, say
from oxyq.cli.session import with_app
from oxyq.errors import NotFound

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.conversations.entry import HistoryLine
    from oxyq.conversations.store import Chat, Place
    from oxyq.organizations import Organization
    from oxyq.outcomes import JsonValue

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

OrganizationId = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization's id.")]
Contact = Annotated[str, typer.Argument(metavar="CONTACT", help="A phone number, or the hidden id of a person.")]
InstanceId = Annotated[
    str | None, typer.Option("--instance", metavar="ID", help="The number that the chat is with; else the first.")
]
_AUTHORS = {"them": "←", "us": "→", "person": "✎"}


@group.command("list", epilog=examples("oxyq conversations list org_1 --waiting"))
def list_chats(
    organization_id: OrganizationId,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only people who wait for a person.")] = False,
    count: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the chats in which something was said last, newest first."""

    async def work(app: App) -> tuple[Organization, list[Chat]]:
        organization = await existing(app, organization_id)
        return organization, await app.conversations.latest(organization_id, 500 if waiting else count)

    organization, chats = with_app(work)
    shown = [chat for chat in chats if chat.waits_since_ms is not None or not waiting][:count]
    if as_json:
        print_json({"conversations": list[Any](_json(chat) for chat in shown)})
        return
    clock = ZoneInfo(organization.time_zone)
    rows = [
        (chat.place.contact, chat.place.instance_id, _time(chat.last_ms, clock), _state(chat, clock)) for chat in shown
    ]
    print_table(("contact", "instance", "last", "state"), rows)


@group.command(epilog=examples("oxyq conversations show org_1 5511999990001"))
def show(
    organization_id: OrganizationId, contact: Contact, instance: InstanceId = None, as_json: AsJson = False
) -> None:
    """Show one chat, oldest message first: ← from them, → from us, ✎ from a person of yours."""

    async def work(app: App) -> tuple[Organization, Chat, list[HistoryLine]]:
        organization, place = await _place(app, organization_id, instance, contact)
        chat = await app.conversations.chat(place)
        if chat is None:
            raise NotFound(
                f"there is no chat with {contact}; list them with: oxyq conversations list {organization_id}"
            )
        return organization, chat, await app.conversations.history(place)

    organization, chat, lines = with_app(work)
    if as_json:
        from oxyq.jobs import wire

        print_json({**_json(chat), "messages": list[Any](wire(line) for line in lines)})
        return
    clock = ZoneInfo(organization.time_zone)
    say(f"{chat.place.contact} by {chat.place.instance_id}: {_state(chat, clock) or 'answered by us'}")
    for line in lines:
        say(f"{_time(line.at, clock)} {_AUTHORS[line.author]} {line.text}")


@group.command("take-over", epilog=examples("oxyq conversations take-over org_1 5511999990001"))
def take_over(organization_id: OrganizationId, contact: Contact, instance: InstanceId = None) -> None:
    """Say nothing in this chat for as long as the organization has set: a person answers."""

    async def work(app: App) -> Organization:
        organization, place = await _place(app, organization_id, instance, contact)
        await app.take_over.take_over(organization, place.instance_id, contact)
        return organization

    minutes = with_app(work).conversation.person_minutes
    say(f"{contact}: we say nothing for {minutes} minutes, or until: oxyq conversations release {organization_id} …")


@group.command(epilog=examples("oxyq conversations release org_1 5511999990001"))
def release(organization_id: OrganizationId, contact: Contact, instance: InstanceId = None) -> None:
    """Answer again in this chat."""

    async def work(app: App) -> bool:
        organization, place = await _place(app, organization_id, instance, contact)
        return await app.take_over.release(organization.id, place.instance_id, contact)

    say(f"{contact}: " + ("we answer again" if with_app(work) else "nobody had taken it over"))


async def _place(app: App, organization_id: str, instance_id: str | None, contact: str) -> tuple[Organization, Place]:
    from oxyq.sending.lanes import first_instance

    organization = await existing(app, organization_id)
    place = await app.take_over.place(organization.id, instance_id or first_instance(organization), contact)
    return organization, place


def _state(chat: Chat, clock: ZoneInfo) -> str:
    states = []
    if chat.waits_since_ms is not None:
        states.append(f"waits for a person since {_time(chat.waits_since_ms, clock)}")
    if chat.silent_until_ms is not None:
        states.append(f"a person has it until {_time(chat.silent_until_ms, clock)}")
    if chat.is_being_answered:
        states.append("being answered")
    return ", ".join(states)


def _time(at_ms: int, clock: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ms / 1000, clock).strftime("%Y-%m-%d %H:%M")


def _json(chat: Chat) -> dict[str, JsonValue]:
    return {
        "instanceId": chat.place.instance_id,
        "contact": chat.place.contact,
        "lastAt": chat.last_ms,
        "silentUntil": chat.silent_until_ms,
        "waitsSince": chat.waits_since_ms,
        "isBeingAnswered": chat.is_being_answered,
    }

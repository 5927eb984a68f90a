"""`oxyq instances`: the WhatsApp numbers, the way to each, and linking them to a phone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from oxyq.cli.arguments import AsJson, Yes, examples
from oxyq.cli.confirm import ask, must_be_sure
from oxyq.cli.entries import read_value
from oxyq.cli.output import as_json as to_json
from oxyq.cli.output import print_json, print_table, say
from oxyq.cli.session import with_app
from oxyq.errors import InvalidPayload, NotAllowed, NotFound

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.gateways.base import InstanceState
    from oxyq.instances import Instance, KnownState
    from oxyq.receiving.pairing import Pairs

#: A bridge looks for new numbers every 2 s.
BRIDGE_SECONDS: Final = 10.0
#: WhatsApp shows a QR code for 20 s, the first for 60; nobody needs more than a few of them.
PAIR_SECONDS: Final = 300.0
LOOK_SECONDS: Final = 1.0

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

InstanceId = Annotated[str, typer.Argument(metavar="ID", help="The instance's id.")]


# --- setting up -------------------------------------------------------------------------------------------------


@group.command(
    "set",
    epilog=examples("oxyq instances set number.json", "oxyq instances show wa_1 --json | edit | oxyq instances set -"),
)
def set_instance(
    source: Annotated[str, typer.Argument(metavar="FILE", help="A JSON file, or - for standard input.")],
    as_json: AsJson = False,
) -> None:
    """Store one number in place of what was there, and add it to its organization's.

    \b
    One of:
      {"id": "wa_1", "organizationId": "org_1", "gateway": "baileys"}
      {"id": "wa_2", "organizationId": "org_1", "gateway": "cloud", "phoneNumberId": "106540352242922"}
      {"id": "wa_3", "organizationId": "org_1", "gateway": "evolution", "server": "https://evolution.example.com"}
      {"id": "wa_4", "organizationId": "org_1", "gateway": "waha", "server": "https://waha.example.com"}
    What else there is: serverInstance (its name at that server, if that is not its id), hearsGroups.
    """
    from oxyq.instances import Instance
    from oxyq.jobs import parse_new

    instance = parse_new(Instance, read_value(source))  # type: ignore[arg-type]  # it says so if it is no object

    async def work(app: App) -> tuple[bool, list[str]]:
        from oxyq.receiving.registration import Registration
        from oxyq.receiving.standing import secrets_kept

        before = await app.instances.get(instance.id)
        await Registration(app.instances, app.organizations, app.gateways).save(instance)
        kept = await secrets_kept(app.instances, instance)
        return before != instance, [name for name, is_kept in kept.items() if not is_kept]

    is_changed, missing = with_app(work, organization_id=instance.organization_id)
    if as_json:
        print_json({"id": instance.id, "changed": is_changed, "secretsMissing": list[Any](missing)})
        return
    say(f"{instance.id}: {'set' if is_changed else 'nothing changed'}")
    for name in missing:
        say(f"  it needs a secret: oxyq instances secret {instance.id} {name}")


@group.command(
    epilog=examples(
        "oxyq instances secret wa_2 access_token", "pass meta/token | oxyq instances secret wa_2 access_token"
    )
)
def secret(
    instance_id: InstanceId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which one: access_token, app_secret …")],
) -> None:
    """Store a secret that the number's gateway needs, from standard input or a hidden prompt; it is never shown."""
    value = _secret_value(name)

    async def work(app: App) -> None:
        await app.instances.set_secret(await _existing(app, instance_id), name, value)

    with_app(work)
    say(f"{instance_id}: {name} is stored")


def _secret_value(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    import getpass

    return getpass.getpass(f"{name}: ", stream=sys.stderr)


@group.command(epilog=examples("oxyq instances remove wa_1", "oxyq instances remove wa_1 --yes"))
def remove(instance_id: InstanceId, yes: Yes = False) -> None:
    """Unlink a number from its phone and forget it, with its secrets."""
    must_be_sure(yes, "oxyq instances remove")
    if not yes:
        ask(f"Remove {instance_id} for good, with its secrets?")

    async def work(app: App) -> bool:
        from oxyq.receiving.registration import Registration

        return await Registration(app.instances, app.organizations, app.gateways).remove(instance_id)

    if not with_app(work):
        raise _no_instance(instance_id)
    say(f"{instance_id}: removed")


# --- looking ----------------------------------------------------------------------------------------------------


@group.command("list", epilog=examples("oxyq instances list", "oxyq instances list --json"))
def list_instances(as_json: AsJson = False) -> None:
    """List all numbers, with what was last heard of each."""
    from oxyq.jobs import wire

    async def work(app: App) -> list[tuple[Instance, KnownState | None]]:
        return [(one, await app.instances.known_state(one.id)) for one in await app.instances.list()]

    found = with_app(work)
    if as_json:
        print_json({"instances": list[Any]({**wire(one), "lastHeard": _heard(known)} for one, known in found)})
        return
    print_table(
        ("id", "organization", "gateway", "state", "detail"),
        [
            (one.id, one.organization_id, one.gateway, *((known.state, known.detail) if known else ("–", "")))
            for one, known in found
        ],
    )


@group.command(epilog=examples("oxyq instances show wa_1", "oxyq instances show wa_1 --json"))
def show(
    instance_id: InstanceId,
    as_json: AsJson = False,
) -> None:
    """Show one number: its settings, which secrets are stored, and how it stands."""
    from oxyq.jobs import wire

    async def work(app: App) -> tuple[Instance, dict[str, bool], KnownState | None, InstanceState]:
        from oxyq.receiving.standing import secrets_kept, standing

        instance = await _existing(app, instance_id)
        return (
            instance,
            await secrets_kept(app.instances, instance),
            await app.instances.known_state(instance_id),
            await standing(app.gateways, instance),
        )

    instance, secrets, known, now = with_app(work)
    if as_json:
        print_json(wire(instance))
        return
    for name, value in wire(instance).items():
        say(f"{name + ':':<16}{value}")
    for name, is_kept in secrets.items():
        say(f"{name + ':':<16}{'stored' if is_kept else 'missing'}")
    if secrets:
        say(f"{'webhook:':<16}/webhooks/{instance.gateway}/{instance.id}")
    if known is not None:
        from oxyq.dead_letters import when

        say(f"{'last heard:':<16}{known.state}{_behind(known.detail)} at {when(known.at_ms)} UTC")
    say(f"{'now:':<16}{now.state}{_behind(now.detail)}")


def _heard(known: KnownState | None) -> dict[str, Any] | None:
    return None if known is None else {"state": known.state, "detail": known.detail, "at": known.at_ms}


def _behind(detail: str) -> str:
    return f" ({detail})" if detail else ""


# --- linking to a phone -----------------------------------------------------------------------------------------


@group.command(epilog=examples("oxyq instances pair wa_1", "oxyq instances pair wa_1 --phone 5511999990001"))
def pair(
    instance_id: InstanceId,
    phone: Annotated[
        str | None, typer.Option("--phone", metavar="NUMBER", help="Get a code to type on this phone, and no QR code.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Link a number to its phone: shows the QR code, and anew when it changes, until the number is open.

    On the phone: Settings, Linked devices, Link a device.
    """
    from oxyq.numbers import normalize_number

    digits = None if phone is None else normalize_number(phone)

    async def work(app: App) -> None:
        from oxyq.receiving.pairing import pairing_of

        instance = await _existing(app, instance_id)
        await _pair(await pairing_of(app.gateways, instance), instance_id, digits, as_json)

    with_app(work)


async def _pair(pairs: Pairs, instance_id: str, phone: str | None, as_json: bool) -> None:
    import asyncio

    from oxyq.gateways.base import InstanceState, MaybeSent, NotSent

    shown, state = None, await _begun(pairs, instance_id, phone)
    try:
        async with asyncio.timeout(PAIR_SECONDS):
            while True:
                if state != shown:
                    _show(instance_id, state, as_json)
                    shown = state
                if state.state == "open":
                    return
                if state.state == "halted":
                    raise NotAllowed(f"{instance_id} is halted{_behind(state.detail)}; WhatsApp refuses this number")
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    state = await pairs.state(instance_id)
                    if state.state in ("needs_pairing", "closed") and state.qr is None and state.code is None:
                        state = await pairs.pair(instance_id, phone)  # nobody came in time: the next codes
                except (NotSent, MaybeSent) as error:
                    state = InstanceState("unknown", str(error))  # its bridge starts anew, or another takes it
    except TimeoutError:
        raise NotAllowed(f"nobody linked {instance_id} within {PAIR_SECONDS / 60:g} minutes; run it again") from None


async def _begun(pairs: Pairs, instance_id: str, phone: str | None) -> InstanceState:
    """The first answer; a number that was set just now may not have been found by a bridge yet."""
    import asyncio

    from oxyq.gateways.base import NotReady

    clock = asyncio.get_running_loop().time
    deadline = clock() + BRIDGE_SECONDS
    while True:
        try:
            return await pairs.pair(instance_id, phone)
        except NotReady as error:
            if clock() >= deadline:
                raise NotAllowed(
                    f"no bridge has {instance_id}; start one, with the same REDIS_URL and OXYQ_BRIDGE_KEY, and run it "
                    f"again ({error})"
                ) from None
            await asyncio.sleep(LOOK_SECONDS)


def _show(instance_id: str, state: InstanceState, as_json: bool) -> None:
    if as_json:
        line = {
            "id": instance_id, "state": state.state, "detail": state.detail, "number": state.number, "qr": state.qr,
            "code": state.code,
        }  # fmt: skip
        say(to_json({**line}))
    else:
        if state.qr is not None:
            import segno

            segno.make(state.qr, error="l").terminal(sys.stdout, compact=True)
        if state.code is not None:
            say(f"Type this code on the phone: {state.code}")
        number = f" as {state.number}" if state.number else ""
        say(f"{instance_id}: {state.state}{number}{_behind(state.detail)}")
    sys.stdout.flush()  # who waits for it does so now


@group.command(epilog=examples("oxyq instances logout wa_1 --yes"))
def logout(instance_id: InstanceId, yes: Yes = False) -> None:
    """Unlink a number from its phone; to send by it again, pair it anew."""
    must_be_sure(yes, "oxyq instances logout")
    if not yes:
        ask(f"Unlink {instance_id} from its phone?")

    async def work(app: App) -> None:
        from oxyq.receiving.pairing import pairing_of

        await (await pairing_of(app.gateways, await _existing(app, instance_id))).logout(instance_id)

    with_app(work)
    say(f"{instance_id}: unlinked")


async def _existing(app: App, instance_id: str) -> Instance:
    try:
        found = await app.instances.get(instance_id)
    except InvalidPayload as error:
        raise NotAllowed(f"{error}; remove it (oxyq instances remove {instance_id}) and set it again") from None
    if found is None:
        raise _no_instance(instance_id)
    return found


def _no_instance(instance_id: str) -> NotFound:
    return NotFound(f"there is no instance {instance_id!r}; list them with: oxyq instances list")

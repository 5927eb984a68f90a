"""Which commands change something, and what the audit says of them."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

# Typer brings a click of its own, and no other way to the command that runs.
from typer._click.core import Context
from typer._click.globals import get_current_context

from oxyq.errors import OxyqError

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.audit import Deed

T = TypeVar("T")

#: Seconds to wait for Redis before a command gives up.
REDIS_SECONDS: Final = 10.0

DEEDS: Final[Mapping[str, str]] = {
    "enqueue message": "message.add",
    "enqueue automation": "automation.add",
    "enqueue campaign": "campaign.add",
    "queues clean": "queue.clean",
    "queues drain": "queue.drain",
    "queues retry-failed": "queue.retry-failed",
    "queues rescue": "queue.rescue",
    "queues pause": "queue.pause",
    "queues resume": "queue.resume",
    "dlq replay": "dead-letter.replay",
    "dlq purge": "dead-letter.purge",
    "orgs set": "organization.change",
    "orgs encrypt": "organization.encrypt",
    "orgs shred": "organization.shred",
    "instances set": "instance.save",
    "instances secret": "instance.set-secret",
    "instances remove": "instance.remove",
    "instances pair": "instance.pair",
    "instances logout": "instance.logout",
    "contacts opt-out": "contact.opt-out",
    "contacts opt-in": "contact.opt-in",
    "contacts export": "contact.export",
    "contacts erase": "contact.erase",
    "conversations take-over": "conversation.take-over",
    "conversations release": "conversation.release",
    "automations withdraw": "automation.withdraw",
    "automations reschedule": "automation.reschedule",
    "schedules set": "schedule.save",
    "schedules remove": "schedule.remove",
    "schedules run": "schedule.run",
    "campaigns create": "campaign.add",
    "campaigns start": "campaign.start",
    "campaigns pause": "campaign.pause",
    "campaigns resume": "campaign.resume",
    "campaigns cancel": "campaign.cancel",
    "campaigns resend-failed": "campaign.resend-failed",
    "alerts silence": "alert.silence",
    "alerts test": "alert.test",
    "shards pin": "organization.pin",
    "shards move": "organization.move",
    "snapshot export": "snapshot.export",
    "snapshot import": "snapshot.import",
    "token link": "access.link",
    "token revoke": "access.revoke",
}
"""The command, and its action: the same word as for the route that does the same."""

#: Arguments and options that say what it is done to, in the order in which addresses name them.
_TARGETS: Final = (
    "organization", "queues", "ids", "alert", "instance_id", "name", "automation_id", "schedule_id", "campaign_id",
    "number", "contact", "sub", "token_id",
)  # fmt: skip
_PEOPLE: Final = frozenset(("number", "contact"))


async def audited(app: App, work: Callable[[App], Awaitable[T]]) -> T:
    """Do `work`, the deed of the command that runs in this context, and write it down before and after."""
    deed = _deed(get_current_context(silent=True))
    if deed is None:
        return await work(app)
    await app.hub.commands.ready(REDIS_SECONDS)
    entry_id = await app.audit.begin(deed)
    try:
        done = await work(app)
    except OxyqError as error:
        # The names of our errors are their codes: InvalidPayload is invalid_payload.
        await app.audit.end(entry_id, re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower())
        raise
    await app.audit.end(entry_id, "done")
    return done


def _deed(context: Context | None) -> Deed | None:
    command = "" if context is None else context.command_path.partition(" ")[2]
    if context is None or command not in DEEDS or context.params.get("dry_run"):
        return None
    from oxyq.audit import Deed

    given = context.params
    return Deed(
        action=DEEDS[command],
        target="/".join(_targets(given)),
        by=who(),
        role="system",
        door="cli",
        organization_id=given.get("organization_id") or given.get("org"),
        address=socket.gethostname(),
    )


def _targets(given: Mapping[str, object]) -> Iterator[str]:
    from oxyq.masking import mask_number

    for name in _TARGETS:
        match given.get(name):
            case str(value):
                yield mask_number(value) if name in _PEOPLE else value
            case [*values]:
                yield ",".join(map(str, values))


def who() -> str:
    """Who runs this command, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "nobody"

"""`oxyq contacts`: who wants campaigns, what is held about somebody, and erasing it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from oxyq.cli.arguments import AsJson, DryRun, Yes, examples
from oxyq.cli.confirm import ask, must_be_sure
from oxyq.cli.deeds import who
from oxyq.cli.endings import FAILED
from oxyq.cli.organizations import existing
from oxyq.cli.output import print_json, print_table, say, tell
from oxyq.cli.session import settings_of_this_process, with_app

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.contacts import Consent
    from oxyq.outcomes import JsonValue
    from oxyq.privacy.receipt import Receipt

SOURCE = "cli"
#: Of files with numbers and texts of people.
PRIVATE: Final = 0o600

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

OrganizationId = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization's id.")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="A phone number, such as 5511999990001.")]
Output = Annotated[str, typer.Option("--output", metavar="FILE", help="Where to write it; only you may read the file.")]


@group.command("opt-out", epilog=examples("oxyq contacts opt-out org_1 5511999990001"))
def opt_out(organization_id: OrganizationId, number: Number) -> None:
    """Send no more campaigns to this person; sends that wait already are skipped."""

    async def work(app: App) -> bool:
        await existing(app, organization_id)
        return await app.contacts.opt_out(organization_id, number, source=SOURCE)

    with_app(work)
    say(f"{number}: no more campaigns")


@group.command("opt-in", epilog=examples("oxyq contacts opt-in org_1 5511999990001"))
def opt_in(organization_id: OrganizationId, number: Number) -> None:
    """Let campaigns reach this person again."""

    async def work(app: App) -> bool:
        await existing(app, organization_id)
        return await app.contacts.opt_in(organization_id, number, source=SOURCE)

    say(f"{number}: campaigns may reach this person" + (" again" if with_app(work) else "; nothing kept them away"))


@group.command(epilog=examples("oxyq contacts show org_1 5511999990001 --json"))
def show(organization_id: OrganizationId, number: Number, as_json: AsJson = False) -> None:
    """Show whether campaigns may reach this person, and how much is held about them; reads all of Redis."""

    async def work(app: App) -> tuple[Consent | None, Mapping[str, int]]:
        await existing(app, organization_id)
        held = await app.erasure.holdings(organization_id, number, sees_all=True)
        return await app.contacts.consent(organization_id, number), held.counts()

    consent, counts = with_app(work)
    if as_json:
        wish: dict[str, JsonValue] = (
            {"optedOut": False, "at": None, "source": None, "words": None}
            if consent is None
            else {"optedOut": consent.is_out, "at": consent.at_ms, "source": consent.source, "words": consent.words}
        )
        print_json({**wish, "held": dict(counts)})
        return
    say(f"{number}: {_in_words(consent)}")
    _print_counts(counts)


def _in_words(consent: Consent | None) -> str:
    if consent is None:
        return "campaigns may reach this person, who never said anything about it"
    since = datetime.fromtimestamp(consent.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    state = "no campaigns" if consent.is_out else "campaigns may reach this person"
    return f"{state} since {since} (by {consent.source}{f', {consent.words!r}' if consent.words else ''})"


@group.command("export", epilog=examples("oxyq contacts export org_1 5511999990001 --output person.json"))
def export(organization_id: OrganizationId, number: Number, output: Output) -> None:
    """Write all that is held about a person to a file, for that person: numbers and texts as they are."""
    from oxyq.cli.complete_file import complete_file
    from oxyq.cli.output import as_json as json_of

    async def work(app: App) -> Mapping[str, JsonValue]:
        await existing(app, organization_id)
        return (await app.erasure.holdings(organization_id, number, sees_all=True)).export()

    with complete_file(output, mode=PRIVATE) as file:
        file.write(json_of(dict(with_app(work)), indent=2))
        file.write("\n")
    say(f"{output}: all that is held about this person; only you may read it")


@group.command(
    epilog=examples("oxyq contacts erase org_1 5511999990001 --dry-run",
                    "oxyq contacts erase org_1 5511999990001 --yes > receipt.json")
)  # fmt: skip
def erase(
    organization_id: OrganizationId,
    number: Number,
    yes: Yes = False,
    dry_run: DryRun = False,
    forget_opt_out: Annotated[
        bool, typer.Option("--forget-opt-out", help="Keep no fingerprint of who wants no campaigns either.")
    ] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for jobs that run.")] = 120.0,
) -> None:
    """Erase a person from jobs, chats, campaigns, the ledger and all else; prints a signed receipt (JSON).

    Who wants no campaigns stays known by a fingerprint that nobody can read, so that a new list does not reach them.
    Done again, it goes on where it was broken off. Backups and what WhatsApp has are not touched: the receipt says so.
    """

    async def counted(app: App) -> Mapping[str, int]:
        await existing(app, organization_id)
        return (await app.erasure.holdings(organization_id, number, sees_all=True)).counts()

    if dry_run:
        _print_counts(with_app(counted, is_deed=False))
        return
    must_be_sure(yes, "erasing a person")
    if not yes:
        held = sum(with_app(counted, is_deed=False).values())
        ask(f"Erase {held} things that are held about this person, for good?")

    async def work(app: App) -> Receipt:
        await existing(app, organization_id)
        return await app.erasure.erase(
            organization_id, number, by=who(), door="cli", sees_all=True, forget_opt_out=forget_opt_out,
            patience_seconds=patience,
        )  # fmt: skip

    from oxyq.jobs import wire

    receipt = with_app(work)
    print_json(wire(receipt))
    if not receipt.is_complete:
        tell("Not all could be erased now; the receipt says what remains. Run the same command again.")
        raise typer.Exit(FAILED)


@group.command("verify-receipt", epilog=examples("oxyq contacts verify-receipt receipt.json"))
def verify_receipt(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A receipt, as `erase` printed it.")],
) -> None:
    """Check that this installation signed a receipt, and that nobody has changed it; needs OXYQ_SECRETS_KEY."""
    from oxyq.app import receipt_signer

    receipt = receipt_signer(settings_of_this_process()).verify(file.read_bytes())
    when = datetime.fromtimestamp(receipt.at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    say(f"genuine: {receipt.person} was erased at {receipt.organization_id} on {when} by {receipt.by}")


def _print_counts(counts: Mapping[str, int]) -> None:
    print_table(("class", "held"), counts.items(), numbers=("held",))

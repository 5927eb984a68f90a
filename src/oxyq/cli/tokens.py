"""`oxyq token`: letting people and programs in, and locking them out again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from oxyq.cli.arguments import AsJson, duration_option, examples
from oxyq.cli.durations import Duration
from oxyq.cli.endings import WrongUse
from oxyq.cli.output import note, print_json, say
from oxyq.cli.session import settings_of_this_process, with_app
from oxyq.errors import InvalidPayload

if TYPE_CHECKING:
    from oxyq.app import App

_OPTIONS = {"expires_seconds": "expires"}
_Role: TypeAlias = Annotated[
    str, typer.Option("--role", help="What its holder may do: owner, operator, viewer or service.")
]
_Sub: TypeAlias = Annotated[str, typer.Option("--sub", metavar="NAME", help="Who will hold it, for the logs.")]
_Org: TypeAlias = Annotated[
    str | None, typer.Option("--org", metavar="ID", help="Only for this organization; all without it.")
]

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@group.command(
    epilog=examples(
        "oxyq token issue --role owner --sub ana",
        "oxyq token issue --role service --sub shop --org org_1 --expires 30d",
    )
)
def issue(
    role: _Role,
    sub: _Sub,
    org: _Org = None,
    expires: Annotated[Duration, duration_option("--expires", help="How long it is good for.")] = Duration.parse(  # noqa: B008 - a constant
        "12h"
    ),
    as_json: AsJson = False,
) -> None:
    """Print a token (JWT) that is signed with OXYQ_JWT_SECRET."""
    from oxyq.access.tokens import issue as issue_token

    with _told_by_option():
        token = issue_token(settings_of_this_process(), sub, role, org, round(expires))
    if as_json:
        print_json({"token": token, "expiresSeconds": round(expires)})
    else:
        say(token)


@group.command(epilog=examples("oxyq token link --role owner --sub ana"))
def link(
    role: _Role,
    sub: _Sub,
    org: _Org = None,
    board: Annotated[
        str | None, typer.Option("--board", metavar="URL", help="Where the board is, as its users see it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a link that lets a person in on the board, once, within 15 minutes."""
    from oxyq.access.login_links import LINK_SECONDS, link_address
    from oxyq.access.tokens import checked_principal

    with _told_by_option():
        principal = checked_principal(sub, role, org)
    settings = settings_of_this_process()
    # 0 is any free port, which only the process that has it knows.
    at = board or f"http://localhost:{settings.port or 3001}/admin/queues"

    async def make(app: App) -> str:
        return link_address(at.rstrip("/"), await app.login_links.make(principal))

    address = with_app(make)
    if as_json:
        print_json({"link": address, "expiresSeconds": LINK_SECONDS})
    else:
        say(address)


@group.command(
    epilog=examples("oxyq token revoke --sub ana", "oxyq token revoke --id 9f86d081884c7d65"),
)
def revoke(
    sub: Annotated[
        str | None, typer.Option("--sub", metavar="NAME", help="Everything that was given to this person until now.")
    ] = None,
    token_id: Annotated[
        str | None, typer.Option("--id", metavar="JTI", help="The one token with this id (its claim jti).")
    ] = None,
) -> None:
    """Lock somebody out: tokens, links and sessions end within 5 seconds."""
    if (sub is None) == (token_id is None):
        raise WrongUse("give either --sub or --id")

    async def revoke_it(app: App) -> None:
        if token_id is not None:
            await app.revocations.revoke_token(token_id)
        if sub is not None:
            await app.revocations.revoke_person(sub, int(time.time()))

    with_app(revoke_it)
    note("revoked; what is given from the next second on is good" if token_id is None else "revoked")


@contextmanager
def _told_by_option() -> Iterator[None]:
    try:
        yield
    except InvalidPayload as error:
        raise WrongUse(f"--{_OPTIONS.get(error.field, error.field)}: {error.problem}") from None

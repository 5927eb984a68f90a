"""`oxyq token`: letting people and programs in."""

from typing import Annotated

import typer

from oxyq.cli.arguments import AsJson, duration_option, examples
from oxyq.cli.durations import Duration
from oxyq.cli.endings import WrongUse
from oxyq.cli.output import print_json, say
from oxyq.cli.session import settings_of_this_process
from oxyq.errors import InvalidPayload

_OPTIONS = {"expires_seconds": "expires"}

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Let people and programs in.")


@group.callback()
def _tokens() -> None:
    """Let people and programs in."""  # a group of one command stays a group


@group.command(
    epilog=examples(
        "oxyq token issue --role owner --sub ana",
        "oxyq token issue --role service --sub shop --org org_1 --expires 30d",
    )
)
def issue(
    role: Annotated[str, typer.Option("--role", help="What its holder may do: owner, operator, viewer or service.")],
    sub: Annotated[str, typer.Option("--sub", metavar="NAME", help="Who will hold it, for the logs.")],
    org: Annotated[
        str | None, typer.Option("--org", metavar="ID", help="Only for this organization; all without it.")
    ] = None,
    expires: Annotated[Duration, duration_option("--expires", help="How long it is good for.")] = Duration.parse(  # noqa: B008 - a constant
        "12h"
    ),
    as_json: AsJson = False,
) -> None:
    """Print a token (JWT) that is signed with OXYQ_JWT_SECRET."""
    from oxyq.access.tokens import issue as issue_token

    try:
        token = issue_token(settings_of_this_process(), sub, role, org, round(expires))
    except InvalidPayload as error:
        raise WrongUse(f"--{_OPTIONS.get(error.field, error.field)}: {error.problem}") from None
    if as_json:
        print_json({"token": token, "expiresSeconds": round(expires)})
    else:
        say(token)

"""`oxyq shards`: which organization is on which Redis server, and moving it to another while all goes on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

from oxyq.cli.arguments import AsJson, examples
from oxyq.cli.output import print_json, print_table, say, tell

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.shards.place import Place
    from oxyq.shards.shards import Shards

T = TypeVar("T")

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Organizations on several Redis servers: REDIS_URL is the shard home, OXYQ_REDIS_SHARDS names the others.",
)
Organization: TypeAlias = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization's id.")]
ToShard: TypeAlias = Annotated[str, typer.Argument(metavar="SHARD", help="Its name in OXYQ_REDIS_SHARDS, or home.")]


@group.command("list", epilog=examples("oxyq shards list"))
def list_shards(as_json: AsJson = False) -> None:
    """List the shards, what is on each, and which organizations are on their way."""

    async def work(shards: Shards) -> tuple[list[tuple[str, int, int]], dict[str, Place]]:
        rows = []
        for name, shard in shards.by_name.items():
            counts = await shard.app.queue_counts()
            open_jobs = sum(now["waiting"] + now["delayed"] + now["active"] for now in counts.values())
            rows.append((name, len(await shard.app.organizations.ids()), open_jobs))
        return rows, await shards.places()

    rows, places = with_shards(work)
    moving = {organization: place.text for organization, place in places.items() if place.is_moving}
    if as_json:
        print_json(
            {
                "shards": [{"name": name, "organizations": count, "openJobs": jobs} for name, count, jobs in rows],
                "moving": dict[str, Any](moving),
            }
        )
        return
    print_table(("shard", "organizations", "open jobs"), rows, ("organizations", "open jobs"))
    for organization, text in moving.items():
        say(f"{organization} is on its way: {text}; go on with: oxyq shards move {organization} {text.split('>')[-1]}")


@group.command(epilog=examples("oxyq shards show org_1"))
def show(organization: Organization, as_json: AsJson = False) -> None:
    """Show on which shard an organization is."""
    place = with_shards(lambda shards: shards.place_now(organization))
    if as_json:
        print_json({"organizationId": organization, "shard": place.shard, "moving": place.is_moving})
        return
    say(f"{organization}: {place.text}" + (" (on its way)" if place.is_moving else ""))


@group.command(epilog=examples("oxyq shards pin org_2 south"))
def pin(organization: Organization, shard: ToShard) -> None:
    """Say on which shard an organization will be that is not there yet."""
    from oxyq.errors import NotAllowed
    from oxyq.shards.place import Place

    async def work(shards: Shards) -> None:
        shards.named(shard)
        before = await shards.place_now(organization)
        there = shards.named(before.shard)
        if before.is_moving or await there.app.organizations.get(organization) is not None:
            raise NotAllowed(f"{organization} is there already; run: oxyq shards move {organization} {shard}")
        if not await shards.change(organization, before, Place(shard)):
            raise NotAllowed("somebody else put it somewhere just now; see: oxyq shards show")

    with_shards(work)
    say(f"{organization}: will be at {shard}")


@group.command(epilog=examples("oxyq shards move org_1 south"))
def move(organization: Organization, shard: ToShard) -> None:
    """Move an organization to another shard while all goes on; run again, it goes on where it broke off.

    Nothing is done for it meanwhile (some seconds for 10,000 jobs), and nothing of it is lost. To the shard that it is
    leaving it is called off.
    """

    async def work(shards: Shards) -> int:
        from oxyq.shards.moving import move as moved

        return await moved(shards, organization, shard, tell)

    records = with_shards(work)
    say(f"{organization}: at {shard}" + (f", {records} records went along" if records else ""))


def with_shards(work: Callable[[Shards], Coroutine[Any, Any, T]]) -> T:
    """Do `work` with all shards open; what it does is in the audit of the home shard."""
    import asyncio

    from oxyq.cli.deeds import audited
    from oxyq.cli.session import settings_of_this_process, supervised
    from oxyq.shards.shards import open_shards

    async def with_audit(shards: Shards) -> T:
        return await audited(shards.home.app, lambda _: work(shards))

    return asyncio.run(supervised(open_shards(settings_of_this_process()), with_audit))

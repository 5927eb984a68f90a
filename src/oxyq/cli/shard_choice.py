"""On which shard a command works: that of `oxyq --shard`, else of the organization or number it names, else home."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

# Typer brings a click of its own, and no other way to the command that runs.
from typer._click.globals import get_current_context

from oxyq.cli.session import SHARD

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.shards.shards import Shard, Shards

T = TypeVar("T")

#: What arguments and options are called that name an organization.
_ORGANIZATION: Final = ("organization_id", "org", "organization")


def on_its_shard(
    work: Callable[[App], Coroutine[Any, Any, T]], organization_id: str | None
) -> Callable[[Shards], Coroutine[Any, Any, T]]:
    """The same work, on the shard that it is about.

    Raises OrganizationMoving, also when the organization left while it was worked on: run it again.
    """
    context = get_current_context(silent=True)
    given: Mapping[str, Any] = {} if context is None else context.params
    wanted: str | None = None if context is None else context.meta.get(SHARD)
    named = organization_id or next((given[name] for name in _ORGANIZATION if given.get(name)), None)

    async def do(shards: Shards) -> T:
        from oxyq.errors import OrganizationMoving

        shard, whose = await _shard(shards)
        done = await work(shard.app)
        if whose is not None and not await shard.is_at_home_here(whose):
            raise OrganizationMoving(whose)
        return done

    async def _shard(shards: Shards) -> tuple[Shard, str | None]:
        if wanted is not None:
            return shards.named(wanted), None
        if named is not None:
            return await shards.of(named), named
        if instance := given.get("instance_id"):
            return await shards.of_instance(instance)
        return shards.home, None

    return do

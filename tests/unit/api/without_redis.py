"""The parts that are asked before anything else, without Redis: what is refused later is what the tests are about."""

from collections.abc import Mapping

from oxyq.access.revocations import Revocations
from oxyq.access.tokens import Principal
from oxyq.app import App
from oxyq.audit import AuditLog, Deed
from oxyq.outcomes import JsonValue


class NobodyRevoked(Revocations):
    """Without Redis nobody would be let in."""

    async def is_revoked(self, principal: Principal) -> bool:
        """Never."""
        return False


class Unwritten(AuditLog):
    """Without Redis nothing would be begun that has to be written down first."""

    async def begin(self, deed: Deed) -> str:
        """Write nothing."""
        return "0"

    async def end(
        self,
        entry_id: str,
        outcome: str,
        detail: Mapping[str, JsonValue] | None = None,
        organization_id: str | None = None,
    ) -> None:
        """Write nothing."""


def without_redis(app: App) -> App:
    """The same app, whose callers get as far as their handlers."""
    app.revocations, app.audit = NobodyRevoked(app.hub), Unwritten(app.hub)
    return app

"""The routes for a person's rights: what is held about them, and erasing it (LGPD, art. 18)."""

from typing import Final

from fastapi import APIRouter, Request

from oxyq.access.permissions import Permission
from oxyq.api.access import Access, caller, tell_audit, tenant
from oxyq.api.body import BODY_BYTES, has_body, read_object
from oxyq.api.handles import BEGINNING, Handles
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, request_body
from oxyq.api.person_data import EraseOrder, Held
from oxyq.api.query import query_parameters
from oxyq.app import App
from oxyq.jobs import parse_new
from oxyq.numbers import contact_of
from oxyq.privacy.receipt import Receipt

#: How long a request waits for jobs that run; the command line waits longer.
PATIENCE_SECONDS: Final = 20.0
_ERRORS: Final = error_answers(401, 403, 404, 422, 503)
_ERASE_ERRORS: Final = {**_ERRORS, **error_answers(400, 408, 409, 413, 415)}


class People:
    """Hands out and erases what the caller's organization holds about somebody."""

    def __init__(self, app: App, handles: Handles) -> None:
        self._erasure = app.erasure
        self._handles = handles

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/contacts/{number}/data, POST /v1/contacts/{number}/erase."""
        router = APIRouter(prefix="/v1", tags=["contacts"])
        parameters = [ORGANIZATION_PARAMETER]
        router.add_api_route(
            "/contacts/{number}/data", self.held, methods=["GET"], responses=_ERRORS,
            dependencies=access.deed("contact.export", Permission.REVEAL), openapi_extra={"parameters": parameters},
        )  # fmt: skip
        router.add_api_route(
            "/contacts/{number}/erase", self.erase, methods=["POST"], responses=_ERASE_ERRORS,
            dependencies=access.deed("contact.erase"),
            openapi_extra={"requestBody": request_body(EraseOrder, required=False), "parameters": parameters},
        )  # fmt: skip
        return router

    async def held(self, request: Request, number: str) -> Held:
        """Everything that is held about this person, numbers and texts as they are. Reads all of Redis."""
        organization_id, address = self._named(request, number)
        sees_all = caller(request).org is None
        holdings = await self._erasure.holdings(organization_id, address, sees_all=sees_all)
        tell_audit(request, organization_id=organization_id, held=sum(holdings.counts().values()))
        return Held.model_validate(holdings.export())

    async def erase(self, request: Request, number: str) -> Receipt:
        """Erase this person from everything; answers with a signed receipt. `isComplete` false: ask again later."""
        organization_id, address = self._named(request, number)
        fields = (await read_object(request, BODY_BYTES)).fields if has_body(request) else {}
        order = parse_new(EraseOrder, fields)
        receipt = await self._erasure.erase(
            organization_id, address, by=caller(request).sub, door="api", sees_all=caller(request).org is None,
            forget_opt_out=order.forget_opt_out, patience_seconds=PATIENCE_SECONDS,
        )  # fmt: skip
        tell_audit(request, organization_id=organization_id, person=receipt.person, complete=receipt.is_complete)
        return receipt

    def _named(self, request: Request, written: str) -> tuple[str, str]:
        """Whose contact, and who it is; a handle may stand for the number."""
        organization_id = tenant(request, query_parameters(request, "organizationId"))
        if written.startswith(BEGINNING):
            return organization_id, self._handles.read(organization_id, written)
        return organization_id, contact_of(written)

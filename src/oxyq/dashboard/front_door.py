"""The way to the board for those who type its address without the last slash, or none at all."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from oxyq.dashboard.board import MOUNTED_AT


def front_door_routes() -> APIRouter:
    """GET / and /admin/queues: relative redirects, since a Host header may be forged."""
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    async def front_door() -> RedirectResponse:
        return RedirectResponse(f"{MOUNTED_AT.lstrip('/')}/", 307)

    @router.get(MOUNTED_AT, include_in_schema=False)
    async def without_slash() -> RedirectResponse:
        return RedirectResponse(f"{MOUNTED_AT.rpartition('/')[2]}/", 307)

    return router

"""The board's own files (styles, scripts, icon), compressed once and kept for ever by browsers."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response

from oxyq.errors import NotFound

#: An address holds its file's hash: another content is another address.
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_SHORTEST_COMPRESSED: Final = 600


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    packed: bytes
    media_type: str
    version: str


@lru_cache(1)
def assets() -> dict[str, Asset]:
    """All files by name."""
    return {
        file.name: _asset(file.name, file.read_bytes()) for file in files("oxyq.dashboard").joinpath("static").iterdir()
    }


def asset_address(name: str) -> str:
    """Where a file is, beneath the board; KeyError when there is none."""
    return f"static/{assets()[name].version}/{name}"


def asset_routes() -> APIRouter:
    """GET static/{version}/{name}: no login, these files hold nothing of anybody's."""
    router = APIRouter()

    @router.get("/static/{version}/{name}")
    async def static(request: Request, version: str, name: str) -> Response:
        asset = assets().get(name)
        if asset is None:
            raise NotFound(f"there is no file {name}")
        headers = {"Cache-Control": _FOR_EVER if version == asset.version else "no-cache", "Vary": "Accept-Encoding"}
        if len(asset.body) >= _SHORTEST_COMPRESSED and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type)
        return Response(asset.body, headers=headers, media_type=asset.media_type)

    return router


def _asset(name: str, body: bytes) -> Asset:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    # Modules import each other by name in their own folder, so the version is one for all files.
    return Asset(body, gzip.compress(body, 9, mtime=0), kind, _version())


@lru_cache(1)
def _version() -> str:
    digest = hashlib.sha256()
    for file in sorted(files("oxyq.dashboard").joinpath("static").iterdir(), key=lambda one: one.name):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]

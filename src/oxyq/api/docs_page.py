"""The page /docs: Swagger UI from a public server, pinned so that no other script than the known one can run."""

import base64
import hashlib
import re
from typing import Final

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

DOCS_PATH: Final = "/docs"
OPENAPI_PATH: Final = "/openapi.json"

# People type their tokens into this page, so its scripts are held to their hashes (of the npm package's files).
_SERVER: Final = "https://cdn.jsdelivr.net"
_SCRIPT: Final = f"{_SERVER}/npm/swagger-ui-dist@5.35.0/swagger-ui-bundle.js"
_SCRIPT_HASH: Final = "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9"
_STYLE: Final = f"{_SERVER}/npm/swagger-ui-dist@5.35.0/swagger-ui.css"
_STYLE_HASH: Final = "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I"
_OFFLINE: Final = f'This page needs the internet. The same as JSON: <a href="{OPENAPI_PATH}">{OPENAPI_PATH}</a>'


def docs_routes(title: str) -> APIRouter:
    """GET /docs."""
    page, policy = _page(title)
    router = APIRouter()

    @router.get(DOCS_PATH, include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return router


def _page(title: str) -> tuple[str, str]:
    made = get_swagger_ui_html(
        openapi_url=OPENAPI_PATH, title=title, swagger_js_url=_SCRIPT, swagger_css_url=_STYLE,
        swagger_favicon_url="data:,", swagger_ui_parameters={"validatorUrl": None},
    )  # fmt: skip
    page = bytes(made.body).decode()
    for address, pin in ((f'src="{_SCRIPT}"', _SCRIPT_HASH), (f'href="{_STYLE}"', _STYLE_HASH)):
        page = page.replace(address, f'{address} integrity="{pin}" crossorigin="anonymous"')
    page = re.sub(r'(<div id="swagger-ui">)\s*', rf"\1{_OFFLINE}", page)
    [starter] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    starter_hash = base64.b64encode(hashlib.sha256(starter.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src {_SCRIPT} 'sha256-{starter_hash}'; style-src {_STYLE} 'unsafe-inline'; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy

"""A language model that takes its time: it speaks as OpenAI does, and remembers how long each answer took."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxyq.gateways.local.serving import serving


class ModelServer:
    """Answers everything after `seconds`; `took` is how long each question took, by its text."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.took = dict[str, float]()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve while the block runs; gives the address for OpenAI's clients."""
        async with serving(Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])) as url:
            yield f"{url}/v1"

    async def _complete(self, request: Request) -> Response:
        began = time.monotonic()
        question = (await request.json())["messages"][-1]["content"]
        await asyncio.sleep(self._seconds)
        self.took[question] = time.monotonic() - began
        message = {"role": "assistant", "content": f"resposta a {question}"}
        return JSONResponse(
            {
                "id": "c-1",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": "local",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
            }
        )

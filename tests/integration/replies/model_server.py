"""A server on this machine that speaks as OpenAI's and Anthropic's do, and misbehaves on demand."""

import asyncio
import contextlib
import json
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass(frozen=True)
class Say:
    """A text; `why_ended` as OpenAI says it."""

    text: str | None
    why_ended: str = "stop"
    tokens: tuple[int, int] | None = (100, 20)


@dataclass(frozen=True)
class Call:
    """A call of one of our tools."""

    tool: str
    arguments: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Fail:
    """An HTTP error."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    code: str | None = None


@dataclass(frozen=True)
class Garbage:
    """Status 200 and a body that is none."""

    body: bytes
    type: str = "application/json"


class Hang:
    """No answer at all; `reached` when somebody asked, `left` when they gave up."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.left = asyncio.Event()


Behaviour = Say | Call | Fail | Garbage | Hang


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the test run's."""
        yield


class ModelServer:
    """Behaves as it was told, one request after another; `asked` holds the bodies it got, `keys` how they came."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self._behaviours = deque[Behaviour]()
        routes = [
            Route("/v1/chat/completions", self._openai, methods=["POST"]),
            Route("/anthropic/v1/messages", self._anthropic, methods=["POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = _Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._task: asyncio.Task[None] | None = None

    @property
    def openai_url(self) -> str:
        """For OpenAI's client."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    @property
    def anthropic_url(self) -> str:
        """For Anthropic's client."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/anthropic"

    def will(self, *behaviours: Behaviour) -> None:
        """Behave so from now on; the last one for ever."""
        self._behaviours = deque(behaviours)

    async def __aenter__(self) -> "ModelServer":
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        assert self._task is not None
        await self._task
        self._socket.close()

    def _next(self) -> Behaviour:
        return self._behaviours.popleft() if len(self._behaviours) > 1 else self._behaviours[0]

    async def _openai(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("authorization"))
        match self._next():
            case Say(text, why_ended, tokens):
                return _completion({"content": text}, why_ended, tokens)
            case Call(tool, arguments):
                function = {"name": tool, "arguments": json.dumps(arguments)}
                call = {"id": f"call_{len(self.asked)}", "type": "function", "function": function}
                return _completion({"content": None, "tool_calls": [call]}, "tool_calls", (100, 20))
            case other:
                return await _misbehave(request, other)

    async def _anthropic(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("authorization"))
        match self._next():
            case Say(text, _, tokens):
                used = dict(zip(("input_tokens", "output_tokens"), tokens or (0, 0), strict=True))
                return JSONResponse(
                    {
                        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                        "stop_sequence": None, "content": [{"type": "text", "text": text}], "usage": used,
                    }
                )  # fmt: skip
            case other:
                return await _misbehave(request, other)


def _completion(message: dict[str, object], why_ended: str, tokens: tuple[int, int] | None) -> Response:
    body: dict[str, object] = {
        "id": "c-1", "object": "chat.completion", "created": 1_795_377_084, "model": "m",
        "choices": [{"index": 0, "finish_reason": why_ended, "message": {"role": "assistant", **message}}],
    }  # fmt: skip
    if tokens is not None:
        prompt, written = tokens
        used = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
        body["usage"] = used
    return JSONResponse(body)


async def _misbehave(request: Request, behaviour: Behaviour) -> Response:
    match behaviour:
        case Fail(status, headers, code):
            error = {"message": "no", "type": "error", "code": code}
            return JSONResponse({"error": error}, status, headers)
        case Garbage(body, media_type):
            return Response(body, media_type=media_type)
        case Hang() as hang:
            hang.reached.set()
            while (await request.receive())["type"] != "http.disconnect":
                pass
            hang.left.set()
            return Response()
        case _:
            raise AssertionError(f"this provider does not know {behaviour}")

"""Meta's Cloud API as a process of its own, which fails on demand; its log is the only truth about what was sent."""

import asyncio
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oxyq.clock import now_ms
from oxyq.gateways.local.cloud import LocalCloud
from oxyq.gateways.local.server import Received
from oxyq.gateways.local.serving import CutReply
from oxyq.outcomes import JsonValue
from oxyq.process import stop_on_signal
from tests.chaos.journal import Journal

PHONE_NUMBER_ID: Final = "100000000000001"
SECRETS: Final = {"access_token": "chaos-access-token", "app_secret": "chaos-app-secret", "verify_token": "chaos-token"}
SLOW_SECONDS: Final = 3.0


class FailingCloud(LocalCloud):
    """Takes messages after `latency` seconds or so, unless its mode says otherwise; each is in the log before it is
    answered."""

    def __init__(self, log: Journal, latency: float) -> None:
        super().__init__(PHONE_NUMBER_ID, access_token=SECRETS["access_token"], app_secret=SECRETS["app_secret"])
        self._log = log
        self._latency = latency
        self._mode = "well"
        self._chance = random.Random()

    def _routes(self) -> Sequence[Route]:
        return [Route("/mode/{mode}", self._set_mode, methods=["POST"]), *super()._routes()]

    async def _set_mode(self, request: Request) -> Response:
        self._mode = request.path_params["mode"]
        return JSONResponse({"mode": self._mode})

    async def _answer(self, message: Received, taken: Callable[[Received], JsonValue], status: int = 200) -> Response:
        mode = self._mode
        await asyncio.sleep(SLOW_SECONDS if mode == "slow" else self._chance.uniform(0.5, 1.5) * self._latency)
        if mode == "errors":
            # Meta's own word that nothing went out, or a proxy's that says nothing.
            code, body = self.REFUSALS["refused"]
            return self._chance.choice((JSONResponse(body, code), Response(status_code=502)))
        if mode == "slows-down":
            code, body = self.REFUSALS["slow_number"]
            return JSONResponse(body, code, {"retry-after": "1"})
        is_answered = mode != "hangs-up"
        line = {"at": now_ms(), "key": message.key or "", "to": message.to, "answered": is_answered}
        await self._log.write(line)
        return JSONResponse(taken(message), status) if is_answered else CutReply()


async def _main(port: int, log: Path, latency: float) -> None:
    async with stop_on_signal() as stop, Journal(log) as journal, FailingCloud(journal, latency).running(port) as url:
        print(f"gateway on {url}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))

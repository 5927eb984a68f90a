"""Asks for everything a run wants, writes down what was acknowledged, and repeats what was not with the same facts.

Killed and started again it goes on with what its journal does not have. Answers are asked for over HTTP, as a
service does; reminders and campaigns through the package's own producer.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx

from oxyq.app import App, open_app
from oxyq.clock import now_ms
from oxyq.errors import QueueUnavailable
from oxyq.settings import load_settings
from tests.chaos.journal import Journal, read
from tests.chaos.workload import ORGANIZATION, Order, orders

#: As environment variable: what stands on the command line, everybody can read.
TOKEN: Final = "CHAOS_TOKEN"
AT_ONCE: Final = 50
_AGAIN_SECONDS: Final = 0.3
_REQUEST_SECONDS: Final = 10.0
_TAKEN: Final = 202
#: Of the API: nothing is known, or not now. Everything else is its last word.
_TRY_AGAIN: Final = frozenset((408, 429, 500, 502, 503, 504))


class Refused(Exception):
    """Good input was not taken; says with which words."""


class Asker:
    """Asks until it is acknowledged."""

    def __init__(self, app: App, client: httpx.AsyncClient, journal: Journal) -> None:
        self._app = app
        self._client = client
        self._journal = journal
        self._room = asyncio.Semaphore(AT_ONCE)

    async def ask_for_all(self, wanted: Iterable[Order], began: float) -> None:
        """Ask for each when its time has come, counted from `began` (of `time.time`), or later, `AT_ONCE` at once."""
        async with asyncio.TaskGroup() as asking:
            for order in wanted:
                await asyncio.sleep(max(began + order.second - time.time(), 0))
                await self._room.acquire()
                asking.create_task(self._ask(order)).add_done_callback(lambda _: self._room.release())

    async def _ask(self, order: Order) -> None:
        while True:
            try:
                job_id = await self._once(order)
            except Refused as refused:
                await self._journal.write({"at": now_ms(), "order": order.name, "refused": str(refused)})
                return
            if job_id is not None:
                await self._journal.write({"at": now_ms(), "order": order.name, "job": job_id})
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _once(self, order: Order) -> str | None:
        """The job's id; None when nothing is known, so that it has to be asked for again."""
        try:
            match order.kind:
                case "answer":
                    return await self._post("/v1/messages", order.body)
                case "cancel":
                    return await self._cancel(str(order.body["campaignId"]))
                case "reminder":
                    return await self._app.producer.add_automation_job(order.body, delay_ms=order.delay_ms)
                case "campaign":
                    return await self._app.producer.add_campaign_job(order.body)
        except (QueueUnavailable, httpx.HTTPError):
            return None

    async def _post(self, path: str, body: object) -> str | None:
        answer = await self._client.post(path, json=body)
        if answer.status_code in _TRY_AGAIN:
            return None
        if answer.status_code != _TAKEN:
            raise Refused(f"{answer.status_code} {answer.text[:200]}")
        return str(answer.json()["id"])

    async def _cancel(self, campaign_id: str) -> str | None:
        path = f"/v1/campaigns/{quote(campaign_id)}/cancel?organizationId={ORGANIZATION}"
        answer = await self._client.post(path)
        # Not there before a worker has taken it in, and then not before it is on its way.
        if answer.status_code in _TRY_AGAIN | {404}:
            return None
        # It may have ended before.
        if answer.status_code not in (200, 409):
            raise Refused(f"{answer.status_code} {answer.text[:200]}")
        return campaign_id


async def _main(journal_path: Path, jobs: int, seconds: float, began_ms: int, api: str) -> None:
    acknowledged = {line["order"] for line in read(journal_path)}
    left = [order for order in orders(jobs, seconds, began_ms) if order.name not in acknowledged]
    async with (
        Journal(journal_path) as journal,
        open_app(load_settings()) as app,
        httpx.AsyncClient(
            base_url=api, headers={"authorization": f"Bearer {os.environ[TOKEN]}"}, timeout=_REQUEST_SECONDS,
            trust_env=False,
        ) as client,
    ):  # fmt: skip
        print(f"asking for {len(left)} orders", flush=True)
        await Asker(app, client, journal).ask_for_all(left, began_ms / 1000)
    print("all acknowledged", flush=True)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))

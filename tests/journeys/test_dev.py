"""`oxyq dev`, as a new user starts it."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.journeys.conftest import StartProcess


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing is configured: no Redis, any free port."""
    return {"OXYQ_DATA_DIR": str(tmp_path / "data"), "OXYQ_PORT": "0"}


async def _completed(client: httpx.AsyncClient, more_than: int) -> int:
    deadline = time.monotonic() + 20
    while True:
        queues = (await client.get("/health/queues")).json()["queues"]
        completed = sum(queue["completed"] for queue in queues.values())
        if completed > more_than:
            return int(completed)
        assert time.monotonic() < deadline, f"the numbers stand still at {completed}"
        await asyncio.sleep(0.1)


@pytest.mark.timeout(90)
async def test_the_story_comes_out_right(start_oxyq: StartProcess) -> None:
    """`oxyq dev --exit-when-done --json` exits 0, and every number is as it should be."""
    process = start_oxyq("dev", "--exit-when-done", "--json")

    assert await process.ended(80) == 0, process.output
    told = json.loads(process.output.splitlines()[-1])
    assert told["ok"] is True
    assert [step for step in told["steps"] if not step["ok"]] == []
    assert len(told["steps"]) == 11


async def test_the_demo_moves_stops_on_ctrl_c_and_keeps_its_data(start_oxyq: StartProcess) -> None:
    """The address is printed, the numbers move, Ctrl-C leaves no process, and the next start finds the data."""
    # Given the demo on a machine with nothing set up
    process = start_oxyq("dev")
    url = await process.until_it_says("Oxyq is up: ")

    # When one looks, then the numbers move
    async with httpx.AsyncClient(base_url=url) as client:
        before = await _completed(client, 0)
        done = await _completed(client, before)

    # When Ctrl-C is pressed (twice, as people do), then everything is gone, the embedded server too
    children = psutil.Process(process.popen.pid).children(recursive=True)
    assert [child.name() for child in children] == ["valkey-server"]
    os.killpg(process.popen.pid, signal.SIGINT)
    os.killpg(process.popen.pid, signal.SIGINT)
    assert await process.ended(30) == 0
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 5)
    assert alive == []

    # And started again, what was done is still there
    process = start_oxyq("dev")
    url = await process.until_it_says("Oxyq is up: ")
    async with httpx.AsyncClient(base_url=url) as client:
        assert await _completed(client, 0) >= done


async def test_the_demo_prints_a_link_that_opens_the_board_once(start_oxyq: StartProcess) -> None:
    process = start_oxyq("dev")
    url = await process.until_it_says("Oxyq is up: ")
    link = await process.until_it_says("  board    ")

    assert link.startswith(f"{url}/admin/queues/login#link=")
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}) as client:
        first, second = [await client.post("/admin/queues/login", data={"link": link}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (303, 401)
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "SameSite=strict" in first.headers["set-cookie"]

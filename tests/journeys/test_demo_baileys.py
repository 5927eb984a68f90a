"""`OXYQ_DEMO_BAILEYS=1 oxyq dev`: the demo shop on the real bridge, and a WhatsApp of our own."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.journeys.conftest import OxyqProcess, StartProcess
from tests.journeys.whatsapp_world import until
from tests.requirements import require

OURS = ["node", "node", "valkey-server"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing is configured but the demo itself: no Redis, any free ports."""
    require("bridge")
    return {
        "OXYQ_DATA_DIR": str(tmp_path / "data"),
        "OXYQ_PORT": "0",
        "OXYQ_BRIDGE_PORT": "0",
        "OXYQ_DEMO_BAILEYS": "1",
    }


async def test_phones_show_answers_and_ctrl_c_leaves_no_process(start_oxyq: StartProcess, tmp_path: Path) -> None:
    # Given the demo on a machine with nothing set up
    process = start_oxyq("dev")
    inbox = (await process.until_it_says("  sent ")).split()[0]

    # Then the number is linked by itself, and a customer's phone shows what the shop sends
    assert (await _shown(inbox))[0]["text"]

    # When Ctrl-C is pressed (twice, as people do), then everything is gone
    children = _children(process)
    assert sorted(child.name() for child in children) == OURS
    os.killpg(process.popen.pid, signal.SIGINT)
    os.killpg(process.popen.pid, signal.SIGINT)
    assert await process.ended(30) == 0, process.output
    assert await _alive(children) == []

    # And the same data goes on without the bridge, and with it again
    simulated = start_oxyq("dev", OXYQ_DEMO_BAILEYS="0")
    await simulated.until_it_says("Oxyq is up: ")
    assert [child.name() for child in _children(simulated)] == ["valkey-server"]
    log = tmp_path / "data" / "simulator.jsonl"
    await until(lambda: asyncio.to_thread(log.exists))
    simulated.end()
    again = start_oxyq("dev")
    assert await _shown((await again.until_it_says("  sent ")).split()[0])


async def test_when_the_bridge_dies_the_demo_says_so_and_ends(start_oxyq: StartProcess) -> None:
    process = start_oxyq("dev")
    await process.until_it_says("Oxyq is up: ")
    children = _children(process)
    (bridge,) = [child for child in children if child.cmdline()[-1].endswith("src/main.mjs")]

    bridge.kill()

    assert await process.ended(30) == 1
    assert "the bridge ended (-9); see " in process.output
    assert await _alive(children) == []


@pytest.mark.parametrize(("node", "told"), [("", "there is none"), ("echo v18.19.0", "is v18.19.0")])
async def test_a_node_that_is_missing_or_too_old_is_told_with_the_fix(
    start_oxyq: StartProcess, tmp_path: Path, node: str, told: str
) -> None:
    if node:
        program = tmp_path / "node"
        program.write_text(f"#!/bin/sh\n{node}\n")
        program.chmod(0o700)

    process = start_oxyq("dev", PATH=str(tmp_path))

    assert await process.ended(30) == 2
    assert "OXYQ_DEMO_BAILEYS: needs Node 20 or newer" in process.output and told in process.output
    assert "nodejs.org" in process.output and "Traceback" not in process.output


async def _shown(inbox: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as client:

        async def look() -> list[dict[str, Any]]:
            return list((await client.get(inbox)).json())

        return await until(look, seconds=40)


def _children(process: OxyqProcess) -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process(process.popen.pid).children(recursive=True)
    return children


async def _alive(children: list[psutil.Process]) -> list[psutil.Process]:
    alive: list[psutil.Process] = (await asyncio.to_thread(psutil.wait_procs, children, 5))[1]
    return alive

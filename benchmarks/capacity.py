"""What one message costs an installation as it is deployed: CPU of each process, commands, traffic and memory of Redis.

`python -m benchmarks.capacity --write` writes docs/performance/capacity.json, from which `python -m benchmarks.plan`
plans. CPU is what the kernel counted, so that a machine with other work to do gives about the same figures.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Final

import httpx
import psutil
import redis

from benchmarks.child import ROOT, STOP_SECONDS, PeerFailed
from benchmarks.harness import STANDSTILL_SECONDS, empty
from oxyq.access.tokens import issue
from oxyq.app import App, open_app
from oxyq.organizations import demo_organization
from oxyq.settings import Settings, load_settings
from tests.redis_server import RedisServer, free_port

RESULT: Final = ROOT / "docs" / "performance" / "capacity.json"
ORG: Final = "org_1"
AT_ONCE: Final = 50
#: Commands are counted by MONITOR, which costs Redis time: in a run of its own.
COUNTED_SHARE: Final = 0.2
_LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one message, from its request to the end of its job. Traffic is what Redis reads and writes."""

    worker_us: float
    api_us: float
    redis_us: float
    commands: float
    redis_in_bytes: float
    redis_out_bytes: float
    kept_bytes: float


@dataclass(frozen=True, slots=True)
class Installation:
    """One with an API and one worker process."""

    app: App
    client: httpx.AsyncClient
    server: RedisServer
    log: Path
    worker: psutil.Process
    api: psutil.Process
    redis: psutil.Process


Ask = Callable[[Installation, int, int], Awaitable[None]]


async def _answers(at: Installation, first: int, count: int) -> None:
    """Messages of people who write for the first time, to be answered by the FAQ."""
    await _write(at, first, count, "qual o horário de funcionamento?")


async def _more_answers(at: Installation, first: int, count: int) -> None:
    """The next question of the same people."""
    await _write(at, first, count, "qual o endereço?")


async def _write(at: Installation, first: int, count: int, text: str) -> None:
    now = round(time.time() * 1000)
    await _post(at, "/v1/messages", [
        {"messageId": f"{text[-9:-1]}{n}", "organizationId": ORG, "instanceId": "wa_demo", "content": text,
         "from": f"5511{900_000_000 + n}@c.us", "timestamp": now}
        for n in range(first, first + count)
    ])  # fmt: skip


async def _reminders(at: Installation, first: int, count: int) -> None:
    await _post(at, "/v1/automations", [
        {"automationId": f"a{n}", "organizationId": ORG, "type": "reminder", "instanceId": "wa_demo",
         "content": "Seu horário é amanhã às 10h.", "recipientNumber": f"5511{920_000_000 + n}"}
        for n in range(first, first + count)
    ])  # fmt: skip


async def _campaign(at: Installation, first: int, count: int) -> None:
    await at.app.producer.add_campaign_job(
        campaignId=f"c{first}", organizationId=ORG, instanceId="wa_demo", template="Oi {{name|cliente}}, banho a R$ 50",
        recipients=[{"number": f"5511{940_000_000 + n}", "variables": {"name": "Ana"}}
                    for n in range(first, first + count)],
    )  # fmt: skip


KINDS: Final[dict[str, Ask]] = {
    "first_answer": _answers, "answer": _more_answers, "reminder": _reminders, "campaign": _campaign,
}  # fmt: skip


async def _post(at: Installation, path: str, bodies: list[dict[str, object]]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(body: dict[str, object]) -> None:
        async with room:
            (await at.client.post(path, json=body)).raise_for_status()

    await asyncio.gather(*(one(body) for body in bodies))


async def measure(server: RedisServer, messages: int) -> dict[str, Cost]:
    """What each of KINDS costs; raises PeerFailed when one stands still."""
    empty(server)
    found = dict[str, Cost]()
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(server, Path(folder))
        async with open_app(settings) as app:
            await app.organizations.save(demo_organization().model_copy(update={"id": ORG}))
            with _processes(settings) as (worker, api):
                async with httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{settings.port}", timeout=30,
                    headers={"Authorization": f"Bearer {issue(settings, 'bench', 'service')}"},
                ) as client:  # fmt: skip
                    await _until_up(client)
                    at = Installation(app, client, server, settings.simulator_log_path, worker, api,
                                      psutil.Process(server.pid))  # fmt: skip
                    for kind, ask in KINDS.items():
                        found[kind] = await _cost(at, ask, messages)
                        print(f"{kind:14} {found[kind]}", file=sys.stderr)
    return found


async def _cost(at: Installation, ask: Ask, messages: int) -> Cost:
    warm, counted = max(messages // 20, 20), round(messages * COUNTED_SHARE)
    await _done(at, ask, 0, warm)
    before = _used(at)
    await _done(at, ask, warm, messages)
    after = _used(at)
    worker, api, server, read, written, kept = ((b - a) / messages for a, b in zip(before, after, strict=True))
    with _counting(at.server) as commands:
        await _done(at, ask, warm + messages, counted)
    return Cost(worker * 1e6, api * 1e6, server * 1e6, commands[0] / counted, read, written, kept)


async def _done(at: Installation, ask: Ask, first: int, count: int) -> None:
    """Ask for them, and wait until all went out and no job is left."""
    target = _lines(at.log) + count
    await ask(at, first, count)
    moved, seen = time.monotonic(), 0
    while True:
        counts = await at.app.queue_counts()
        is_left = any(now["waiting"] + now["active"] + now["delayed"] for now in counts.values())
        lines = _lines(at.log)
        if lines >= target and not is_left:
            return
        if lines != seen:
            moved, seen = time.monotonic(), lines
        if time.monotonic() - moved > STANDSTILL_SECONDS:
            raise PeerFailed(f"stood still after {lines} of {target} messages: {counts}")
        await asyncio.sleep(_LOOK_SECONDS)


def _used(at: Installation) -> tuple[float, ...]:
    """CPU seconds of worker, API and Redis; bytes that Redis read and wrote; bytes of its data."""
    with at.server.client() as client:
        stats, memory = client.info("stats"), client.info("memory")
    seconds = (sum(process.cpu_times()[:2]) for process in (at.worker, at.api, at.redis))
    return (*seconds, stats["total_net_input_bytes"], stats["total_net_output_bytes"], memory["used_memory_dataset"])


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


@contextmanager
def _counting(server: RedisServer) -> Iterator[list[int]]:
    """Commands of clients, those inside scripts not counted: what a host bills."""
    counted, end = [0], "end-of-counting"
    with redis.Redis.from_url(server.url) as client, client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                if end in command["command"]:
                    return
                counted[0] += command["client_type"] != "lua"

        listener = threading.Thread(target=listen)
        listener.start()
        yield counted
        with redis.Redis.from_url(server.url) as other:
            other.echo(end)
        listener.join()


def _settings(server: RedisServer, folder: Path) -> Settings:
    return load_settings({
        "REDIS_URL": server.url, "OXYQ_DATA_DIR": str(folder), "OXYQ_PORT": str(free_port()),
        **{f"OXYQ_{queue}_{what}": value for queue in ("MESSAGE", "AUTOMATION", "CAMPAIGN")
           for what, value in (("RATE", "100000/1"), ("CONCURRENCY", "50"))},
    })  # fmt: skip


@contextmanager
def _processes(settings: Settings) -> Iterator[tuple[psutil.Process, psutil.Process]]:
    """`oxyq workers start` and `oxyq api`, ended afterwards."""
    ours = {"REDIS_URL": settings.redis_url or "", "OXYQ_DATA_DIR": str(settings.data_dir),
            "OXYQ_PORT": str(settings.port)}  # fmt: skip
    for queue in ("MESSAGE", "AUTOMATION", "CAMPAIGN"):
        ours |= {f"OXYQ_{queue}_RATE": "100000/1", f"OXYQ_{queue}_CONCURRENCY": "50"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OXYQ_")}
    with ExitStack() as stack:
        started = list[psutil.Process]()
        for arguments in (("workers", "start"), ("api",)):
            process = Popen(
                [sys.executable, "-m", "oxyq", *arguments], cwd=ROOT, env=kept | ours, stdout=DEVNULL, stderr=DEVNULL
            )
            stack.callback(_end, process)
            started.append(psutil.Process(process.pid))
        yield started[0], started[1]


def _end(process: "Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    finally:
        process.kill()
        process.wait()


async def _until_up(client: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + STANDSTILL_SECONDS
    while True:
        try:
            if (await client.get("/ready")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise PeerFailed("the API or the workers did not begin")
        await asyncio.sleep(_LOOK_SECONDS)


def main() -> int:
    """Measure, print, and write RESULT unless it was a quick run."""
    parser = argparse.ArgumentParser(description="Measure what a message costs.")
    parser.add_argument("--messages", type=int, default=3_000, help="of each kind (3,000)")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.relative_to(ROOT)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        found = asyncio.run(measure(server, options.messages))
    rounded = {kind: {name: round(value, 1) for name, value in asdict(cost).items()} for kind, cost in found.items()}
    text = json.dumps({"messages": options.messages, "costs": rounded}, indent=2) + "\n"
    print(text, end="")
    if options.write:
        RESULT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

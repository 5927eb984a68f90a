"""How soon is somebody answered who writes: from the webhook that comes in to the message that goes out?"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import httpx

from benchmarks.child import ROOT, STOP_SECONDS, PeerFailed
from benchmarks.figures import OURS, Bar, Figure, percentile
from benchmarks.harness import LOOK_SECONDS, STANDSTILL_SECONDS, Bench, empty
from benchmarks.model_server import ModelServer
from benchmarks.question import Question
from oxyq.app import App, open_app
from oxyq.gateways.local.cloud import LocalCloud
from oxyq.instances import Instance
from oxyq.jobs import parse_new
from oxyq.organizations import Organization
from oxyq.settings import load_settings
from tests.redis_server import RedisServer

MEDIAN = Figure("answers.p50", "From webhook to answer, above the model's own time, p50", "ms", False)
P95 = Figure("answers.p95", "From webhook to answer, above the model's own time, p95", "ms", False)
LIMIT_MS = 300.0

MESSAGES_A_SECOND = 10
#: Answered before the clock starts: processes load what they need with their first answer.
WARM_UP = 20
MODEL_SECONDS = 0.2
SHOP = parse_new(
    Organization,
    id="org_1",
    name="Pet Shop",
    instances=["wa_1"],
    conversation={"quietSeconds": 0},
    ai={"model": {"provider": "openai", "model": "local"}, "prompt": "Você atende uma loja."},
)
INSTANCE = Instance(id="wa_1", organization_id="org_1", gateway="cloud", phone_number_id="1001")
SECRETS = {"access_token": "token", "app_secret": "secret", "verify_token": "verify"}


def answer_times(server: RedisServer, messages: int) -> list[float]:
    """Ms from each webhook to its answer, less what the model took for it. Raises PeerFailed."""
    empty(server)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_answer_times(server, Path(folder), messages))


async def _answer_times(server: RedisServer, folder: Path, messages: int) -> list[float]:
    model, port = ModelServer(MODEL_SECONDS), _free_port()
    meta = LocalCloud(
        str(INSTANCE.phone_number_id),
        access_token=SECRETS["access_token"],
        app_secret=SECRETS["app_secret"],
        webhook_url=f"http://127.0.0.1:{port}/webhooks/cloud/{INSTANCE.id}",
    )
    async with AsyncExitStack() as stack:
        settings = {
            "REDIS_URL": server.url,
            "OXYQ_DATA_DIR": str(folder),
            "OXYQ_PORT": str(port),
            "OXYQ_CLOUD_API_URL": await stack.enter_async_context(meta.running()),
            "OXYQ_OPENAI_URL": await stack.enter_async_context(model.running()),
            # The queue's own limit of ten a second is not what is asked for here.
            "OXYQ_MESSAGE_RATE": "1000/1",
        }
        app = await stack.enter_async_context(open_app(load_settings(settings)))
        await _open_shop(app)
        stack.enter_context(_processes(settings))
        await _until_up(port)
        return await _talk(meta, model, messages)


async def _open_shop(app: App) -> None:
    await app.organizations.save(SHOP)
    await app.instances.save(INSTANCE)
    for name, value in SECRETS.items():
        await app.instances.set_secret(INSTANCE, name, value)


async def _talk(meta: LocalCloud, model: ModelServer, messages: int) -> list[float]:
    """Let as many people write, each once, at an even pace, and wait for all answers."""
    await _write(meta, range(WARM_UP))
    wrote = await _write(meta, range(WARM_UP, WARM_UP + messages))
    answered = {message.to: message.at_ms for message in meta.received}
    if len(answered) != len(meta.received):
        raise PeerFailed("somebody was answered twice")
    thought = {_person(int(question.split()[-1])): seconds for question, seconds in model.took.items()}
    return [answered[sender] - at_ms - thought[sender] * 1000 for sender, at_ms in wrote.items()]


async def _write(meta: LocalCloud, numbers: range) -> dict[str, float]:
    """Who wrote when (ms since 1970), once all of them are answered."""
    wrote, began = dict[str, float](), time.monotonic()
    for place, number in enumerate(numbers):
        await asyncio.sleep(max(0.0, began + place / MESSAGES_A_SECOND - time.monotonic()))
        wrote[_person(number)] = time.time() * 1000
        meta.write(_person(number), f"pergunta {number}")
    deadline = time.monotonic() + STANDSTILL_SECONDS
    while len(meta.received) < numbers.stop:
        if time.monotonic() > deadline:
            raise PeerFailed(f"{len(meta.received)} of {numbers.stop} were answered in {STANDSTILL_SECONDS:g} s")
        await asyncio.sleep(LOOK_SECONDS)
    return wrote


def _person(number: int) -> str:
    return f"55119{number:08}"


@contextmanager
def _processes(settings: Mapping[str, str]) -> Iterator[None]:
    """The API and a worker, as they are deployed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OXYQ_")}
    with ExitStack() as stack:
        for command in (["api"], ["workers", "message"]):
            process = subprocess.Popen(
                [sys.executable, "-m", "oxyq", *command],
                cwd=ROOT, env=kept | dict(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(_end, process)
        yield


async def _until_up(port: int) -> None:
    deadline = time.monotonic() + STANDSTILL_SECONDS
    async with httpx.AsyncClient() as client:
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"http://127.0.0.1:{port}/health/redis")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    raise PeerFailed(f"the API did not begin within {STANDSTILL_SECONDS:g} s")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _measure(bench: Bench) -> None:
    messages = bench.size(300, 30)
    with bench.server() as server:
        for number, contestant in bench.turns(OURS):
            with bench.attempt(contestant.name):
                times = answer_times(server, messages)
                bench.note(MEDIAN, contestant.name, number, percentile(times, 0.5))
                bench.note(P95, contestant.name, number, percentile(times, 0.95))


QUESTION = Question(
    "answers",
    "How soon is somebody answered?",
    f"{MESSAGES_A_SECOND} people a second write to a number of the Cloud API, each for the first time; the quiet time "
    "is off. Meta and the language model are servers on this machine, the API and one worker are processes as they are "
    f"deployed. The model takes {MODEL_SECONDS * 1000:g} ms; the figure is what everything else takes, from the moment "
    "Meta begins to post the webhook to the answer that it has received.",
    (MEDIAN, P95),
    (Bar(P95, LIMIT_MS, 100.0),),
    _measure,
)

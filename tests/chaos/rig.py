"""Everything that a run consists of, as real processes; one method for each thing that can be broken."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

import oxyq
from oxyq.access.tokens import issue
from oxyq.answering import ConversationSettings
from oxyq.app import App, open_app
from oxyq.clock import now_ms
from oxyq.instances import Instance
from oxyq.limits import NumberSettings, RateLimit
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from tests.chaos.evidence import Ended
from tests.chaos.gateway_process import PHONE_NUMBER_ID, SECRETS
from tests.chaos.keyspace import PREFIX
from tests.chaos.lanes import KEEP_ALL, Lane
from tests.chaos.looking import Look
from tests.chaos.processes import Child
from tests.chaos.producer_process import TOKEN
from tests.chaos.schedule import CLIENTS, WORKERS, FaultName, Schedule, Strike
from tests.chaos.workload import INSTANCE, ORGANIZATION, PROBE_INSTANCE, PROBE_ORGANIZATION
from tests.fault_proxy import FaultProxy
from tests.redis_server import RedisServer, free_port

_SUPERVISE_SECONDS: Final = 0.2
_LOSE_SECONDS: Final = 0.1
_SLOW_SECONDS: Final = 0.2
_LOOK_TIMEOUT: Final = 2.0
#: Longer than Redis puts a write off, by its clock of whole seconds; and what lies between a look and a kill.
_POSTPONED_MS: Final = 3_000
_MOMENT_MS: Final = 50
#: A busy producer hears so much later what Redis said before it died.
_HEARD_MS: Final = 500


class Rig:
    """Redis, a proxy for each of its clients, the gateway, workers, API and producer; see `running`."""

    def __init__(self, folder: Path, lane: Lane, plan: Schedule, jobs: int, began_ms: int) -> None:
        self.folder = folder
        self.lane = lane
        self.redis = RedisServer(folder, "--appendonly", "yes", "--appendfsync", plan.appendfsync)
        self.proxies = {name: FaultProxy(self.redis.port) for name in CLIENTS}
        self.gateway_log = folder / "gateway.log"
        self.asked_log = folder / "asked.log"
        self.children: dict[str, Child] = {}
        self.ended_by_themselves: list[Ended] = []
        """Processes that ended without being told to; they were started again."""
        self.unwritten: list[tuple[int, int]] = []
        """From when to when (ms) a Redis that was killed may not have written down what it acknowledged."""
        self.stopped: list[Ended] = []
        """Processes that were asked to stop."""
        self.plan = plan
        self._jobs = jobs
        self.began_ms = began_ms
        self._gateway_port = free_port()
        self._api_port = free_port()
        self._strikes: Mapping[FaultName, Callable[[Strike], Coroutine[None, None, None]]] = {
            "worker killed": self._killed,
            "producer killed": self._killed,
            "api killed": self._killed,
            "gateway killed": self._killed,
            "worker frozen": self._frozen,
            "worker stopped": self._stopped,
            "worker partitioned": self._partitioned,
            "redis killed": self._redis_killed,
            "redis frozen": self._redis_frozen,
            "connections cut": self._proxied(FaultProxy.cut),
            "connections refused": self._proxied(_refuse),
            "replies lost": self._replies_lost,
            "redis slow": self._proxied(_slow_down),
            "redis byte by byte": self._proxied(FaultProxy.dribble),
            "gateway errors": self._gateway("errors"),
            "gateway slows down": self._gateway("slows-down"),
            "gateway hangs up": self._gateway("hangs-up"),
            "gateway slow": self._gateway("slow"),
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[App, Look]]:
        """Everything but the producer runs inside; gives a way past the proxies."""
        async with AsyncExitStack() as stack:
            stack.callback(self.redis.stop)
            stack.callback(self._kill_all)
            await asyncio.to_thread(self.redis.start)
            for proxy in self.proxies.values():
                await stack.enter_async_context(proxy)
            app = await stack.enter_async_context(open_app(load_settings(self._environment(self.redis.url))))
            await self._open_shops(app)
            client = redis.asyncio.Redis.from_url(
                self.redis.url, decode_responses=True, socket_timeout=60, socket_connect_timeout=_LOOK_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )  # fmt: skip
            stack.push_async_callback(client.aclose)
            self._make_children(app)
            names = ("gateway", "api", *WORKERS)
            await asyncio.gather(*(self.children[name].start() for name in names))
            supervisor = asyncio.create_task(self._supervise())
            stack.callback(supervisor.cancel)
            yield app, Look(client)

    async def strike(self, strike: Strike) -> None:
        """Break it, and make it whole again after its seconds."""
        await self._strikes[strike.fault](strike)

    async def stop(self, name: str) -> None:
        """Ask a process to stop, and note how it did."""
        self.stopped.append(Ended(name, await self.children[name].stop(self.lane.stopped)))

    def warmth_log(self, worker: str) -> Path:
        """Where a worker's thermometer writes."""
        return self.folder / f"{worker}.warmth"

    # --- what can be broken ------------------------------------------------------------------------------------

    async def _killed(self, strike: Strike) -> None:
        child = self.children[strike.target]
        child.kill()
        await asyncio.sleep(strike.seconds)
        # A producer that was through by itself has nothing left to do.
        await child.start()

    async def _frozen(self, strike: Strike) -> None:
        child = self.children[strike.target]
        child.freeze()
        await asyncio.sleep(strike.seconds)
        child.thaw()

    async def _stopped(self, strike: Strike) -> None:
        await self.stop(strike.target)
        await self.children[strike.target].start()

    async def _partitioned(self, strike: Strike) -> None:
        proxy = self.proxies[strike.target]
        proxy.partition()
        await asyncio.sleep(strike.seconds)
        proxy.heal()

    async def _redis_killed(self, strike: Strike) -> None:
        since = await asyncio.to_thread(self._written_until)
        await asyncio.to_thread(self.redis.kill)
        if self.plan.appendfsync == "everysec":
            self.unwritten.append((since, now_ms() + _HEARD_MS))
        await asyncio.sleep(strike.seconds)
        await asyncio.to_thread(self.redis.start)

    def _written_until(self) -> int:
        """Until when (ms) everything that Redis acknowledged is in its file, so that a kill does not take it.

        With `everysec` Redis answers without having written while an fsync is under way, for up to 2 seconds
        (redis 7.0, aof.c, flushAppendOnlyFile): a disk that is slow makes a kill cost what a power cut does.
        """
        now = now_ms() - _MOMENT_MS
        try:
            with self.redis.client() as client:
                is_postponing = client.info("persistence")["aof_pending_bio_fsync"]
        except (redis.ConnectionError, redis.TimeoutError):
            is_postponing = True
        return now - _POSTPONED_MS if is_postponing else now

    async def _redis_frozen(self, strike: Strike) -> None:
        self.redis.pause()
        await asyncio.sleep(strike.seconds)
        self.redis.resume()

    def _proxied(self, fault: Callable[[FaultProxy], None]) -> Callable[[Strike], Coroutine[None, None, None]]:
        async def strike_proxies(strike: Strike) -> None:
            for proxy in self._proxies_of(strike):
                fault(proxy)
            await asyncio.sleep(strike.seconds)
            for proxy in self._proxies_of(strike):
                proxy.heal()

        return strike_proxies

    async def _replies_lost(self, strike: Strike) -> None:
        until = time.monotonic() + strike.seconds
        while time.monotonic() < until:
            for proxy in self._proxies_of(strike):
                proxy.drop_next_reply()
            await asyncio.sleep(_LOSE_SECONDS)
        for proxy in self._proxies_of(strike):
            proxy.heal()

    def _gateway(self, mode: str) -> Callable[[Strike], Coroutine[None, None, None]]:
        async def strike_gateway(strike: Strike) -> None:
            await self._set_mode(mode)
            await asyncio.sleep(strike.seconds)
            await self._set_mode("well")

        return strike_gateway

    async def _set_mode(self, mode: str) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.post(f"http://127.0.0.1:{self._gateway_port}/mode/{mode}")

    def _proxies_of(self, strike: Strike) -> list[FaultProxy]:
        return [*self.proxies.values()] if strike.target == "all" else [self.proxies[strike.target]]

    # --- what there is -----------------------------------------------------------------------------------------

    def _make_children(self, app: App) -> None:
        python, api = sys.executable, f"http://127.0.0.1:{self._api_port}"
        gateway = [python, "-m", "tests.chaos.gateway_process", str(self._gateway_port), str(self.gateway_log)]
        self._add("gateway", [*gateway, str(self.lane.latency)], "gateway on")
        self._add("api", [python, "-m", "oxyq", "api"], "API on")
        for name in WORKERS:
            thermometer = str(self.warmth_log(name))
            self._add(name, [python, "-m", "tests.chaos.worker_process", thermometer], "working on")
        what = [str(self._jobs), str(self.plan.seconds), str(self.began_ms), api]
        producer = [python, "-m", "tests.chaos.producer_process", str(self.asked_log), *what]
        # Far beyond the longest run.
        token = issue(app.settings, "chaos", "service", expires_seconds=24 * 3600)
        self._add("producer", producer, "asking for", **{TOKEN: token})

    def _add(self, name: str, command: list[str], ready: str, **more: str) -> None:
        url = self.proxies[name].url if name in self.proxies else self.redis.url
        environment = {**os.environ, **self._environment(url), **more, "PYTHONPATH": _PYTHONPATH}
        self.children[name] = Child(name, command, environment, self.folder, ready)

    def _environment(self, redis_url: str) -> dict[str, str]:
        kept = KEEP_ALL if self.lane.keeps_all else {}
        return {
            "REDIS_URL": redis_url,
            "OXYQ_REDIS_PREFIX": PREFIX,
            "OXYQ_DATA_DIR": str(self.folder / "data"),
            "OXYQ_LOG_FORMAT": "json",
            "OXYQ_PORT": str(self._api_port),
            "OXYQ_JWT_SECRET": "made-up-for-chaos-and-known-to-everybody",
            "OXYQ_SECRETS_KEY": "made-up-for-chaos-and-known-to-everybody",
            "OXYQ_CLOUD_API_URL": f"http://127.0.0.1:{self._gateway_port}",
            **kept,
            **self.lane.settings,
        }

    async def _open_shops(self, app: App) -> None:
        fast = NumberSettings(gateway="cloud", rate=RateLimit(max=1000, per_seconds=1), answers_share=0.5)
        shops = ((ORGANIZATION, INSTANCE, 0.3), (PROBE_ORGANIZATION, PROBE_INSTANCE, 0.0))
        for organization_id, instance_id, quiet in shops:
            changes = {
                "id": organization_id,
                "owners": [],  # who would be told of campaigns that end
                "instances": [instance_id],
                "numbers": {instance_id: fast},
                "conversation": ConversationSettings(quiet_seconds=quiet),
            }
            await app.organizations.save(demo_organization().model_copy(update=changes))
            instance = Instance(
                id=instance_id, organization_id=organization_id, gateway="cloud", phone_number_id=PHONE_NUMBER_ID
            )
            await app.instances.save(instance)
            for name, value in SECRETS.items():
                await app.instances.set_secret(instance, name, value)

    async def _supervise(self) -> None:
        """Start again what ended by itself, as every supervisor does."""
        while True:
            await asyncio.sleep(_SUPERVISE_SECONDS)
            for name, child in self.children.items():
                if child.is_wanted and child.code is not None and (name, child.code) != ("producer", 0):
                    self.ended_by_themselves.append(Ended(name, child.code))
                    with contextlib.suppress(RuntimeError):  # it is tried again at the next look
                        await child.start()

    def _kill_all(self) -> None:
        for child in self.children.values():
            child.kill()


def _refuse(proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.cut()


def _slow_down(proxy: FaultProxy) -> None:
    proxy.delay_seconds, proxy.jitter_seconds = _SLOW_SECONDS, _SLOW_SECONDS


#: The package's own source and this rig.
_PYTHONPATH: Final = os.pathsep.join((str(Path(oxyq.__file__).parents[1]), str(Path(__file__).parents[2])))

"""What does a process cost that has nothing to do?"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import redis

from benchmarks.child import ROOT, STOP_SECONDS, PeerFailed
from benchmarks.contestants import CONTESTANTS
from benchmarks.figures import OURS, Bar, Figure
from benchmarks.harness import Bench, empty
from benchmarks.question import Question
from tests.redis_server import RedisServer

COMMANDS = Figure("idle.commands", "Redis commands per idle minute, 3 queues in one process", "commands", False)
CANARIES = Figure(
    "idle.canaries", "The same as it is deployed, a canary for each queue every 15 s", "commands", False
)  # fmt: skip
CPU = Figure("idle.cpu", "CPU per idle minute, 3 queues in one process", "ms", False)
QUEUES = ["message", "automation", "campaign"]
#: The product's default.
CANARY_SECONDS = 15
#: What ends the listening.
END = "end-of-the-idle-minute"
#: Until connections are open, scripts loaded and first looks taken.
SETTLING_SECONDS = 8


@contextmanager
def product_process(server: RedisServer, *, canary_seconds: int) -> Iterator[int]:
    """`oxyq workers start` for all three queues; gives its process id."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OXYQ_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "oxyq", "workers", "start"],
            cwd=ROOT, env={**environment, "REDIS_URL": server.url, "OXYQ_DATA_DIR": folder,
                 "OXYQ_CANARY_SECONDS": str(canary_seconds)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process.pid
            if process.poll() is not None:
                raise PeerFailed("oxyq workers start has ended by itself")
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def idle_process(
    server: RedisServer, contestant: str, settling_seconds: float, *, canary_seconds: int = 0
) -> Iterator[int]:
    """A worker process of a contestant that serves three queues, after it has settled; gives its process id."""
    empty(server)
    if contestant == OURS:
        with product_process(server, canary_seconds=canary_seconds) as pid:
            time.sleep(settling_seconds)
            yield pid
    else:
        with CONTESTANTS[contestant].start(server.url) as worker:
            worker.ask("work", concurrency=5, rules="policy", rate=None, queues=QUEUES)
            time.sleep(settling_seconds)
            yield worker.pid


def commands_within(server: RedisServer, seconds: float) -> Counter[str]:
    """The commands that clients send to the server in this time, by name; what scripts call is not counted.

    Raises PeerFailed when the listening itself broke: its silence must not be taken for the process's.
    """
    counted, listening, heard_the_end = Counter[str](), threading.Event(), threading.Event()

    def listen() -> None:
        # Without a deadline: an idle server has nothing to tell for long.
        with redis.Redis(port=server.port, socket_timeout=None) as client, client.monitor() as monitor:
            listening.set()
            while True:
                command = monitor.next_command()
                if command["command"] == f"ECHO {END}":
                    heard_the_end.set()
                    return
                if command["client_type"] != "lua":
                    counted[str(command["command"]).split(" ", 1)[0].upper()] += 1

    with redis.Redis(port=server.port, single_connection_client=True) as teller:
        teller.ping()  # connects, before anything is counted
        threading.Thread(target=listen, daemon=True).start()
        listening.wait(STOP_SECONDS)
        time.sleep(seconds)
        teller.echo(END)
    if not heard_the_end.wait(STOP_SECONDS):
        raise PeerFailed("Redis's MONITOR broke off")
    return counted


def _cpu_ms(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system) * 1000


def _measure(bench: Bench) -> None:
    seconds, settling = bench.size(60, 5), bench.size(SETTLING_SECONDS, 2)
    with bench.server() as server:
        for number, contestant in bench.turns(*bench.size((OURS, "node", "package"), (OURS,))):
            with bench.attempt(contestant.name), idle_process(server, contestant.name, settling) as pid:
                before = _cpu_ms(pid)
                counted = commands_within(server, seconds)
                bench.note(CPU, contestant.name, number, (_cpu_ms(pid) - before) * 60 / seconds)
                bench.note(COMMANDS, contestant.name, number, counted.total() * 60 / seconds)
                print(f"       {dict(counted.most_common())} in {seconds} s")
            if contestant.name != OURS:
                continue
            with bench.attempt(OURS), idle_process(server, OURS, settling, canary_seconds=CANARY_SECONDS):
                bench.note(CANARIES, OURS, number, commands_within(server, seconds).total() * 60 / seconds)


QUESTION = Question(
    "idle",
    "What does a process cost that has nothing to do?",
    "One process serves three empty queues: ours is `oxyq workers start`, without canaries, which the others do not "
    "have, and then with them. What clients send "
    "within a minute is counted by Redis's MONITOR, what scripts call is not.",
    (COMMANDS, CANARIES, CPU),
    (Bar(COMMANDS, 12.0, 6.0),),
    _measure,
)

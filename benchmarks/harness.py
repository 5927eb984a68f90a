"""What all questions share: a fresh server, rounds in which the contestants take turns, and a place for the results."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import redis

from benchmarks.child import Child, Handled, PeerFailed
from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.figures import OURS, Figure, Measured
from tests.redis_server import RedisServer

T = TypeVar("T")

#: A contestant that handles nothing for so long has failed.
STANDSTILL_SECONDS = 30.0
#: Between two looks at how far a contestant is; each costs it some 30 µs.
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that could not be measured, or was done wrong."""

    question: str
    contestant: str
    what: str


@dataclass(slots=True)
class Bench:
    """One run of the benchmarks."""

    rounds: int
    is_quick: bool
    absent: dict[str, str]
    question: str = ""
    measured: dict[str, Measured] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)

    def size(self, full: T, quick: T) -> T:
        """How much to measure: all of it, or in a quick run just enough to see that it works."""
        return quick if self.is_quick else full

    @contextmanager
    def server(self) -> Iterator[RedisServer]:
        """A redis-server of its own that keeps nothing on disk; every question begins with a fresh one."""
        if shutil.which("redis-server") is None:
            raise SystemExit("redis-server is missing: apt-get install redis-server")
        with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
            yield server

    def turns(self, *names: str) -> Iterator[tuple[int, Contestant]]:
        """(round, contestant): everybody once a round, in turn backwards, so that a drift of the machine hits all.

        Whoever is not installed, or failed twice, is left out.
        """
        for number in range(self.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                failures = [t for t in self.troubles if (t.question, t.contestant) == (self.question, name)]
                if name not in self.absent and len(failures) < 2:
                    yield number, CONTESTANTS[name]

    def note(self, figure: Figure, contestant: str, round_number: int, value: float) -> None:
        """Put down one value, and show it."""
        self.measured.setdefault(figure.key, Measured(figure)).note(contestant, round_number, value)
        print(f"    {round_number + 1}  {contestant:9} {value:>12,.2f} {figure.unit:10} {figure.title}", flush=True)

    @contextmanager
    def attempt(self, contestant: str) -> Iterator[None]:
        """A turn of a contestant; what goes wrong in it is put down and the others go on."""
        try:
            yield
        except (PeerFailed, redis.RedisError, ValueError) as error:
            self.troubles.append(Trouble(self.question, contestant, str(error)))
            print(f"    !  {contestant}: {error}", flush=True)

    @property
    def is_ours_well(self) -> bool:
        """Whether we ourselves could be measured, and did all work right."""
        return not any(trouble.contestant == OURS for trouble in self.troubles)


def empty(server: RedisServer) -> None:
    """Forget everything but the scripts, which are there in real life too."""
    with server.client() as client:
        client.flushall()


def redis_cpu_seconds(server: RedisServer) -> float:
    """CPU time the server has used."""
    with server.client() as client:
        cpu = client.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


def wait_for_count(children: Sequence[Child], wanted: int) -> tuple[int, float]:
    """Wait until these have handled `wanted` jobs in all; returns how many they have, and the CPU seconds they used."""
    last, moved = -1, time.monotonic()
    while True:
        answers = [child.ask("count") for child in children]
        count = sum(answer["count"] for answer in answers)
        if count >= wanted:
            return count, sum(answer["cpu"] for answer in answers)
        if count > last:
            last, moved = count, time.monotonic()
        elif time.monotonic() - moved > STANDSTILL_SECONDS:
            raise PeerFailed(f"stood still for {STANDSTILL_SECONDS:g} s after {count} of {wanted} jobs")
        time.sleep(LOOK_SECONDS)


def check_each_once(handled: Sequence[Handled], count: int) -> None:
    """Raise PeerFailed unless the jobs 0 to `count` - 1 were handled, and each once."""
    numbers = sorted(seen.number for seen in handled)
    if numbers != list(range(count)):
        lost, twice = count - len(set(numbers)), len(numbers) - len(set(numbers))
        raise PeerFailed(f"of {count} jobs {lost} were not handled, and {twice} more than once")

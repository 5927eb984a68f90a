"""The busiest minutes, message by message: organizations of very different size, bursts, Redis, cores and slots."""

import heapq
import math
import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

#: Of a burst, one after the other comes so soon.
_WITHIN_BURST_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Stations:
    """What a message passes, of one queue: Redis of its shard, a slot of the queue there, a core, and the gateway."""

    shards: int
    cores: int
    slots_per_shard: int


@dataclass(frozen=True, slots=True)
class Service:
    """How long each takes (s), on average; the gateway's time is exponential, the others are even."""

    redis: float
    core: float
    gateway: float


@dataclass(frozen=True, slots=True)
class Waits:
    """What came out, in the order of arrival (s): when each message came, how long it waited for its slot, and how
    long the gateway took for it."""

    came: Sequence[float]
    queue: Sequence[float]
    gateway: Sequence[float]

    @property
    def mean(self) -> float:
        """Mean wait."""
        return sum(self.queue) / len(self.queue) if self.queue else 0.0

    def percentile(self, share: float) -> float:
        """The wait that this share of all does not exceed."""
        ordered = sorted(self.queue)
        return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


def zipf_weights(organizations: int, exponent: float) -> list[float]:
    """The share of each organization, the largest first."""
    raw = [1 / rank**exponent for rank in range(1, organizations + 1)]
    total = sum(raw)
    return [weight / total for weight in raw]


def spread(weights: Sequence[float], shards: int) -> list[int]:
    """The shard of each organization: the largest first, each to the shard that has least, as an operator would."""
    loads = [(0.0, shard) for shard in range(shards)]
    placed = list[int]()
    for weight in weights:
        load, shard = heapq.heappop(loads)
        placed.append(shard)
        heapq.heappush(loads, (load + weight, shard))
    return placed


def arrivals(rate: float, seconds: float, burst: float, chance: random.Random) -> Iterator[tuple[float, bool]]:
    """When messages come, and whether each begins a burst: bursts by chance, of `burst` messages on average."""
    due = list[tuple[float, bool]]()
    at = 0.0
    while rate > 0:
        at += chance.expovariate(rate / burst)
        if at >= seconds:
            break
        while due and due[0][0] <= at:
            yield heapq.heappop(due)
        heapq.heappush(due, (at, True))
        more, later = 0, at
        while chance.random() > 1 / burst:
            more += 1
            later += chance.expovariate(1 / _WITHIN_BURST_SECONDS)
            heapq.heappush(due, (later, False))
    while due:
        yield heapq.heappop(due)


def simulate(
    rate: float,
    seconds: float,
    stations: Stations,
    service: Service,
    *,
    burst: float,
    weights: Sequence[float],
    placed: Sequence[int],
    seed: int,
) -> Waits:
    """Run one queue for so long at this rate; the same seed gives the same waits.

    First come, first served: turns between organizations change who waits, not how long all wait together.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    bounds = list(accumulate(weights))
    redis_free = [0.0] * stations.shards
    slots = [[0.0] * stations.slots_per_shard for _ in range(stations.shards)]
    cores = [0.0] * stations.cores
    came, waits, taken, organization = list[float](), list[float](), list[float](), 0
    for at, is_first in arrivals(rate, seconds, burst, chance):
        if is_first:
            organization = min(bisect_left(bounds, chance.random() * bounds[-1]), len(bounds) - 1)
        shard = placed[organization]
        stored = redis_free[shard] = max(at, redis_free[shard]) + service.redis
        begins = max(stored, heapq.heappop(slots[shard]))
        works = max(begins, heapq.heappop(cores)) + service.core
        heapq.heappush(cores, works)
        gateway = chance.expovariate(1 / service.gateway) if service.gateway else 0.0
        heapq.heappush(slots[shard], works + gateway)
        came.append(at)
        waits.append(begins - at)
        taken.append(gateway)
    return Waits(came, waits, taken)


def erlang_c_wait(rate: float, mean_service: float, servers: int) -> float:
    """The mean wait of M/M/c in seconds (Erlang's formula), to hold the simulation against; infinite if overloaded."""
    load = rate * mean_service
    if load >= servers:
        return math.inf
    blocking = 1.0
    for number in range(1, servers + 1):
        blocking = load * blocking / (number + load * blocking)
    waiting = blocking / (1 - load / servers * (1 - blocking))
    return waiting * mean_service / (servers - load)

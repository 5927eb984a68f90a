"""From what is wanted and what a message costs to shards, processes and money: the formulas of docs/scaling.md."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.capacity import RESULT, Cost
from benchmarks.planning import prices
from benchmarks.planning.simulation import Service, Stations, Waits, simulate, spread, zipf_weights
from benchmarks.planning.wanted import QUEUE_OF, Wanted
from oxyq.queues import REMEMBER_SECONDS

#: How busy a core or a Redis may be in the busiest hour: the rest takes the bursts, and a process that is restarted.
BUSY: Final = 0.6
#: Slots of a queue in a worker process, as planned here (`OXYQ_<QUEUE>_CONCURRENCY`), and the part that may be taken.
CONCURRENCY: Final = 50
TAKEN: Final = 0.7
#: Data of one Redis: what can be copied to a replica, saved and moved in minutes, with as much again free for the copy.
MOST_GB: Final = 25.0
ROOM: Final = 2.0
#: Statuses that WhatsApp tells of a message (sent, delivered, read); each is a webhook of two or three commands, and
#: taken for half a request. An assumption, as is the next.
STATUSES: Final = 3
STATUS_SHARE: Final = 0.5
NUMBERS_PER_ORGANIZATION: Final = 1.5
NUMBERS_PER_BRIDGE: Final = 50
#: What lies in Redis of an organization: settings, FAQ, indexes, counters of 90 days.
ORGANIZATION_BYTES: Final = 100_000
MEGA, GIGA = 1e6, 1e9


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes; rates are those of the busiest hour."""

    wanted: Wanted
    rate: float
    redis_cores: float
    commands_a_second: float
    memory_gb: float
    traffic_gb_a_month: float
    commands_a_month: float
    shards: int
    workers: int
    apis: int
    bridges: int
    waits: Mapping[str, Waits]

    @property
    def self_hosted_dollars(self) -> float:
        """A month of servers: for each shard a Redis and its replica, and cores for all processes."""
        per_unit = prices.UNIT_DOLLARS_AN_HOUR * prices.HOURS_A_MONTH
        of_redis = 2 * self.shards * max(math.ceil(self.memory_gb * ROOM / self.shards / prices.UNIT_GB), 1)
        of_processes = math.ceil((self.workers + self.apis + self.bridges / 2) / prices.UNIT_CORES)
        return per_unit * (of_redis + of_processes)

    @property
    def upstash_by_use_dollars(self) -> float:
        """A month of Upstash, paid by the command, with Prod Pack; the processes are not in it."""
        storage = max(self.memory_gb - prices.UPSTASH_FREE_GB, 0) * prices.UPSTASH_PER_GB
        traffic = max(self.traffic_gb_a_month - prices.UPSTASH_FREE_TRAFFIC_GB, 0) * prices.UPSTASH_PER_TRAFFIC_GB
        commands = self.commands_a_month / 100_000 * prices.UPSTASH_PER_100K_COMMANDS
        return commands + storage + traffic + self.upstash_databases * prices.UPSTASH_PROD_PACK

    @property
    def upstash_fixed_dollars(self) -> float:
        """A month of Upstash's fixed plans, with Prod Pack; the processes are not in it."""
        each_gb = self.memory_gb / self.upstash_databases
        each_traffic = self.traffic_gb_a_month / self.upstash_databases
        fitting = [
            plan.dollars for plan in prices.UPSTASH_FIXED if plan.gb >= each_gb and plan.traffic_gb >= each_traffic
        ]
        return self.upstash_databases * (min(fitting, default=math.inf) + prices.UPSTASH_PROD_PACK)

    @property
    def upstash_databases(self) -> int:
        """Shards there: each database takes so many commands a second, and our busiest second is half as busy again."""
        needed = self.commands_a_second / BUSY / prices.UPSTASH_MOST_COMMANDS_A_SECOND
        return max(math.ceil(needed), math.ceil(self.memory_gb / 100), 1)


def measured_costs() -> dict[str, Cost]:
    """What docs/performance/capacity.json has."""
    return {kind: Cost(**cost) for kind, cost in json.loads(RESULT.read_text(encoding="utf-8"))["costs"].items()}


def plan(wanted: Wanted, costs: Mapping[str, Cost], *, seconds: float) -> Plan:
    """What it takes, and how long jobs wait then in the busiest `seconds`; the same input gives the same plan."""
    peak = {kind: wanted.peak_rate(kind) for kind in wanted.shares}
    a_day = {kind: wanted.messages_a_day * share for kind, share in wanted.shares.items()}
    redis_cores = _sum(peak, {kind: cost.redis_us for kind, cost in costs.items()}) / MEGA
    memory_gb = _memory_bytes(wanted, a_day, costs) / GIGA
    shards = max(math.ceil(redis_cores / BUSY), math.ceil(memory_gb / MOST_GB), 1)
    worker_cores = _sum(peak, {kind: cost.worker_us for kind, cost in costs.items()}) / MEGA
    workers = max(math.ceil(worker_cores / BUSY), *(_for_slots(wanted, peak, queue, shards) for queue in _QUEUES))
    commands = {kind: cost.commands for kind, cost in costs.items()}
    traffic = {kind: cost.redis_in_bytes + cost.redis_out_bytes for kind, cost in costs.items()}
    weights = zipf_weights(wanted.organizations, wanted.zipf)
    placed = spread(weights, shards)
    waits = {}
    for queue in _QUEUES:
        of_queue = {kind: rate for kind, rate in peak.items() if QUEUE_OF[kind] == queue}
        rate = sum(of_queue.values())
        share = _sum(of_queue, {kind: cost.worker_us for kind, cost in costs.items()}) / MEGA / worker_cores
        # Of Redis and the cores a queue has the others' leavings: its own part of them, as if they were divided.
        redis_part = _sum(of_queue, {kind: cost.redis_us for kind, cost in costs.items()}) / MEGA / redis_cores
        service = Service(
            redis=_mean(of_queue, {kind: cost.redis_us for kind, cost in costs.items()}) / MEGA / redis_part,
            core=_mean(of_queue, {kind: cost.worker_us for kind, cost in costs.items()}) / MEGA,
            gateway=wanted.gateway_seconds,
        )
        stations = Stations(shards, max(round(workers * share), 1), workers * CONCURRENCY)
        waits[queue] = simulate(
            rate, seconds, stations, service, burst=wanted.burst, weights=weights, placed=placed, seed=wanted.seed
        )
    return Plan(
        wanted, sum(peak.values()), redis_cores, _sum(peak, commands), memory_gb,
        _sum(a_day, traffic) * prices.DAYS_A_MONTH / GIGA, _sum(a_day, commands) * prices.DAYS_A_MONTH,
        shards, workers, _apis(wanted, peak, costs),
        math.ceil(wanted.organizations * NUMBERS_PER_ORGANIZATION * wanted.bridged_numbers_share / NUMBERS_PER_BRIDGE),
        waits,
    )  # fmt: skip


_QUEUES: Final = tuple(dict.fromkeys(QUEUE_OF.values()))


def _memory_bytes(wanted: Wanted, a_day: Mapping[str, float], costs: Mapping[str, Cost]) -> float:
    """What is kept of each message for the 8 days of the ledger, of each chat for 30, and of each organization."""
    days = REMEMBER_SECONDS / 86_400
    messages = sum(
        a_day[kind] * days * costs["answer" if kind == "first_answer" else kind].kept_bytes for kind in a_day
    )
    chats = wanted.organizations * wanted.people * (costs["first_answer"].kept_bytes - costs["answer"].kept_bytes)
    return messages + max(chats, 0) + wanted.organizations * ORGANIZATION_BYTES


def _for_slots(wanted: Wanted, peak: Mapping[str, float], queue: str, shards: int) -> int:
    """Worker processes so that a queue's slots are enough on each shard: Little's law, L = λ W."""
    rate = sum(rate for kind, rate in peak.items() if QUEUE_OF[kind] == queue)
    return math.ceil(rate * wanted.gateway_seconds / shards / TAKEN / CONCURRENCY)


def _apis(wanted: Wanted, peak: Mapping[str, float], costs: Mapping[str, Cost]) -> int:
    request = costs["answer"].api_us
    in_requests = _sum(peak, {kind: cost.api_us for kind, cost in costs.items()})
    statuses = sum(peak.values()) * STATUSES * STATUS_SHARE * request
    return max(math.ceil((in_requests + statuses) / MEGA / BUSY), 1)


def _sum(rates: Mapping[str, float], each: Mapping[str, float]) -> float:
    return sum(rate * each[kind] for kind, rate in rates.items())


def _mean(rates: Mapping[str, float], each: Mapping[str, float]) -> float:
    return _sum(rates, each) / sum(rates.values())

"""What do fair turns cost?"""

import sys
from contextlib import ExitStack

from benchmarks.child import Child
from benchmarks.drain import check_settled
from benchmarks.figures import OURS, Bar, Figure
from benchmarks.harness import Bench, check_each_once, empty, wait_for_count
from benchmarks.peers.conversation import QUEUE, now_us
from benchmarks.question import Question
from tests.redis_server import RedisServer

ONE = Figure("fairness.1", "Drain with fair turns of that without, 1 organization", "×")
HUNDRED = Figure("fairness.100", "Drain with fair turns of that without, 100 organizations", "×")
MEDIAN = Figure("fairness.call.p50", "Calls that sort 200 jobs of 100 organizations, p50", "ms", False)
P99 = Figure("fairness.call.p99", "Calls that sort 200 jobs of 100 organizations, p99", "ms", False)
CONCURRENCY = 50
WAYS = ("unfair", "fair")


def drain_rate(server: RedisServer, organizations: int, way: str, jobs: int) -> float:
    """Jobs per second from a worker's start to its last job: sorting, most of which comes first, is part of it.

    Raises PeerFailed.
    """
    empty(server)
    with ExitStack() as stack:
        worker = stack.enter_context(_peer(server, organizations, way))
        worker.ask("add", way="bulk", first=0, count=jobs, rules="policy")
        began_us = now_us()
        worker.ask("work", concurrency=CONCURRENCY, rules="policy", rate=None, queues=[QUEUE])
        wait_for_count([worker], jobs)
        handled = worker.take_handled()
        check_each_once(handled, jobs)
        check_settled(server, jobs, "policy")
    return jobs / (max(seen.begun_us for seen in handled) - began_us) * 1e6


def sorting_times(server: RedisServer, organizations: int, jobs: int) -> tuple[float, float]:
    """The median and 99th percentile in ms of the calls that sort a backlog, by Redis's clock. Raises PeerFailed."""
    empty(server)
    with _peer(server, organizations, "fair") as worker:
        worker.ask("add", way="bulk", first=0, count=jobs, rules="policy")
        with server.client() as client:
            client.config_set("latency-tracking-info-percentiles", "50 99")
            client.config_resetstat()
            # One call at a time and one job taken in the end: nearly all calls only sort.
            worker.ask("work", concurrency=1, rules="policy", rate=[1, 60_000], queues=[QUEUE])
            wait_for_count([worker], 1)
            times = client.info("latencystats")["latency_percentiles_usec_evalsha"]
        worker.kill()
    return float(times["p50"]) / 1000, float(times["p99"]) / 1000


def _peer(server: RedisServer, organizations: int, way: str) -> Child:
    return Child([sys.executable, "-m", "benchmarks.peers.turns", str(organizations), way, server.url])


def _measure(bench: Bench) -> None:
    jobs = bench.size(20_000, 2_000)
    with bench.server() as server:
        for number, contestant in bench.turns(OURS):
            with bench.attempt(contestant.name):
                for figure, organizations in ((ONE, 1), (HUNDRED, 100)):
                    ways = WAYS if number % 2 == 0 else WAYS[::-1]
                    rates = {way: drain_rate(server, organizations, way, jobs) for way in ways}
                    bench.note(figure, contestant.name, number, rates["fair"] / rates["unfair"])
                p50, p99 = sorting_times(server, 100, jobs)
                bench.note(MEDIAN, contestant.name, number, p50)
                bench.note(P99, contestant.name, number, p99)


QUESTION = Question(
    "fairness",
    "What do fair turns cost?",
    "20,000 jobs wait, with the real queues' policy; one worker (concurrency 50, a handler that does nothing) works "
    "them off, with fair turns and without, from its start to the last job. A call sorts at most 200 jobs, and nothing "
    "is taken before all are sorted; its times are by Redis's own clock.",
    (ONE, HUNDRED, MEDIAN, P99),
    (Bar(ONE, 0.8, 0.9), Bar(HUNDRED, 0.8, 0.9), Bar(P99, 2.0, 1.0)),
    _measure,
)

"""Does it stay as fast when a million jobs wait?"""

from statistics import median

from benchmarks.child import Child
from benchmarks.contestants import CONTESTANTS
from benchmarks.figures import OURS, Bar, Figure, steady_rate
from benchmarks.harness import Bench, check_each_once, empty, wait_for_count
from benchmarks.peers.conversation import QUEUE
from benchmarks.question import Question
from tests.redis_server import RedisServer

DRAIN_1K = Figure("growth.drain.1k", "Drain with 1,000 waiting", "jobs/s")
DRAIN_100K = Figure("growth.drain.100k", "Drain with 100,000 waiting", "jobs/s")
DRAIN_1M = Figure("growth.drain.1m", "Drain with 1,000,000 waiting", "jobs/s")
ADD_1K = Figure("growth.add.1k", "Bulk enqueue with 1,000 waiting", "jobs/s")
ADD_100K = Figure("growth.add.100k", "Bulk enqueue with 100,000 waiting", "jobs/s")
ADD_1M = Figure("growth.add.1m", "Bulk enqueue with 1,000,000 waiting", "jobs/s")
DRAIN_RATIO = Figure("growth.drain.ratio", "Drain with 1,000,000 waiting, of that with 1,000", "×")
ADD_RATIO = Figure("growth.add.ratio", "Bulk enqueue with 1,000,000 waiting, of that with 1,000", "×")
FIGURES = ((DRAIN_1K, ADD_1K), (DRAIN_100K, ADD_100K), (DRAIN_1M, ADD_1M))
FIRST, MIDDLE, LAST = 1_000, 100_000, 1_000_000
#: Jobs handled of a large backlog; the rest is thrown away.
SAMPLE = 20_000
#: Jobs added on top of a backlog to see how fast that goes.
ON_TOP = 5_000
#: How often a small backlog is worked off, to have seen as many jobs.
TIMES = 20
RULES = "policy"


def with_little_waiting(server: RedisServer, times: int) -> tuple[float, float]:
    """Rates of draining and adding, 1,000 at a time: the median of `times`, with the same warm processes."""
    empty(server)
    drains, adds = list[float](), list[float]()
    with CONTESTANTS[OURS].start(server.url) as producer, CONTESTANTS[OURS].start(server.url) as worker:
        worker.ask("work", concurrency=50, rules=RULES, rate=None, queues=[QUEUE])
        for _ in range(times + 1):
            producer.ask("call", method="pause")
            took = producer.ask("add", way="bulk", first=0, count=FIRST, rules=RULES)["seconds"]
            handled_before = worker.ask("count")["count"]
            producer.ask("call", method="resume")
            wait_for_count([worker], handled_before + FIRST)
            handled = worker.take_handled()
            check_each_once(handled, FIRST)
            drains.append(steady_rate([seen.begun_us for seen in handled]))
            adds.append(FIRST / took)
    return median(drains[1:]), median(adds[1:])


def with_many_waiting(server: RedisServer, backlog: int, sample: int) -> tuple[float, float]:
    """Rates of draining the first `sample` jobs of a backlog, and of adding on top of it."""
    empty(server)
    with CONTESTANTS[OURS].start(server.url) as producer, CONTESTANTS[OURS].start(server.url) as worker:
        producer.ask("add", way="bulk", first=0, count=backlog, rules=RULES)
        took = producer.ask("add", way="bulk", first=backlog, count=ON_TOP, rules=RULES)["seconds"]
        drained = _drain_first(worker, sample)
        worker.kill()  # the rest of the backlog is not of interest
    return drained, ON_TOP / took


def _drain_first(worker: Child, sample: int) -> float:
    worker.ask("work", concurrency=50, rules=RULES, rate=None, queues=[QUEUE])
    wait_for_count([worker], sample)
    return steady_rate([seen.begun_us for seen in worker.take_handled()])


def _measure(bench: Bench) -> None:
    with bench.server() as server:
        for number, _ in bench.turns(OURS):
            with bench.attempt(OURS):
                little = with_little_waiting(server, bench.size(TIMES, 3))
                middle = with_many_waiting(server, bench.size(MIDDLE, 5_000), bench.size(SAMPLE, 2_000))
                most = with_many_waiting(server, bench.size(LAST, 10_000), bench.size(SAMPLE, 2_000))
                for (drain, add), (drained, added) in zip(FIGURES, (little, middle, most), strict=True):
                    bench.note(drain, OURS, number, drained)
                    bench.note(add, OURS, number, added)
                bench.note(DRAIN_RATIO, OURS, number, most[0] / little[0])
                bench.note(ADD_RATIO, OURS, number, most[1] / little[1])


QUESTION = Question(
    "growth",
    "Does it stay as fast when a million jobs wait?",
    "The real queues' policy. 1,000 jobs are added and worked off 20 times over by the same processes; of a backlog of "
    "100,000 and of 1,000,000 the first 20,000 are, after 5,000 more were added on top of it.",
    (DRAIN_1K, DRAIN_100K, DRAIN_1M, DRAIN_RATIO, ADD_1K, ADD_100K, ADD_1M, ADD_RATIO),
    (Bar(DRAIN_RATIO, 0.9, 1.0),),
    _measure,
)

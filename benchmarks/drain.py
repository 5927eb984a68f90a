"""How fast is a backlog worked off?"""

import time
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.child import PeerFailed
from benchmarks.contestants import CONTESTANTS, OTHER_PYTHON_QUEUES, Contestant
from benchmarks.figures import OURS, Bar, Figure, steady_rate
from benchmarks.harness import Bench, check_each_once, empty, redis_cpu_seconds, wait_for_count
from benchmarks.peers.conversation import QUEUE
from benchmarks.question import Question
from tests.redis_server import RedisServer

#: The part of a drain that is left out of its rate: Node compiles, connections open.
WARM_UP = 0.1
#: Completed jobs that the real queues keep.
KEPT = 100
SETTLED_SECONDS = 10.0

ONE_50 = Figure("drain.1x50", "1 process, concurrency 50", "jobs/s")
ONE_50_POLICY = Figure("drain.1x50.policy", "1 process, concurrency 50, the real queues' policy", "jobs/s")
ONE_5 = Figure("drain.1x5", "1 process, concurrency 5", "jobs/s")
ONE_5_POLICY = Figure("drain.1x5.policy", "1 process, concurrency 5, the real queues' policy", "jobs/s")
TWO_50 = Figure("drain.2x50", "2 processes, concurrency 50 each", "jobs/s")
TWO_50_POLICY = Figure("drain.2x50.policy", "2 processes, concurrency 50 each, the real queues' policy", "jobs/s")
RIVALS = (OURS, "node")
EVERYBODY = (OURS, "node", "floor", "package", *OTHER_PYTHON_QUEUES)
#: (figure, who, processes, concurrency, rules)
DRAINS = (
    (ONE_50, EVERYBODY, 1, 50, "plain"),
    (ONE_50_POLICY, RIVALS, 1, 50, "policy"),
    (ONE_5, RIVALS, 1, 5, "plain"),
    (ONE_5_POLICY, RIVALS, 1, 5, "policy"),
    (TWO_50, (*RIVALS, *OTHER_PYTHON_QUEUES), 2, 50, "plain"),
    (TWO_50_POLICY, RIVALS, 2, 50, "policy"),
)


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain went; CPU is per job, of all worker processes together and of Redis."""

    rate: float
    worker_cpu_us: float
    redis_cpu_us: float


def drain(
    server: RedisServer, contestant: Contestant, jobs: int, *, processes: int, concurrency: int, rules: str
) -> Drained:
    """Add `jobs` jobs, let fresh worker processes work them off, and check that each was done once.

    `rules`: "plain" (3 attempts, everything kept) or "policy" (as the real queues: priority, 3 attempts with backoff,
    the last 100 completed jobs of a day kept, metrics). Raises PeerFailed.
    """
    empty(server)
    add_backlog(server, contestant, jobs, rules)
    with ExitStack() as stack:
        workers = [stack.enter_context(contestant.start(server.url)) for _ in range(processes)]
        for worker in workers:
            worker.ask("work", concurrency=concurrency, rules=rules, rate=None, queues=[QUEUE])
        warm, cpu_before = wait_for_count(workers, int(jobs * WARM_UP))
        redis_before = redis_cpu_seconds(server)
        done, cpu_after = wait_for_count(workers, jobs)
        redis_after = redis_cpu_seconds(server)
        handled = [seen for worker in workers for seen in worker.take_handled()]
        check_each_once(handled, jobs)
        if contestant.is_bullmq:
            check_settled(server, jobs, rules)
    measured = max(done - warm, 1)
    return Drained(
        steady_rate([seen.begun_us for seen in handled], WARM_UP),
        (cpu_after - cpu_before) / measured * 1e6,
        (redis_after - redis_before) / measured * 1e6,
    )


def add_backlog(server: RedisServer, contestant: Contestant, jobs: int, rules: str) -> None:
    """Add jobs 0 to `jobs` - 1. All on BullMQ's data model get the same ones from the same hand: ours."""
    maker = CONTESTANTS[OURS] if contestant.is_bullmq else contestant
    with maker.start(server.url) as producer:
        producer.ask("add", way="bulk", first=0, count=jobs, rules=rules)


def check_settled(server: RedisServer, jobs: int, rules: str) -> None:
    """Raise PeerFailed unless all jobs get out of the queue, and as many are kept as the rules say."""
    expected = {"plain": jobs, "policy": min(jobs, KEPT)}[rules]
    deadline = time.monotonic() + SETTLED_SECONDS
    with server.client() as client:
        while True:
            open_jobs = client.llen(f"bull:{QUEUE}:wait") + client.llen(f"bull:{QUEUE}:active")
            open_jobs += client.zcard(f"bull:{QUEUE}:prioritized")
            kept = client.zcard(f"bull:{QUEUE}:completed")
            if open_jobs == 0 and kept == expected:
                return
            if time.monotonic() > deadline:
                raise PeerFailed(f"{open_jobs} jobs were never settled; {kept} are kept, and should be {expected}")
            time.sleep(0.01)


def _measure(bench: Bench) -> None:
    jobs = bench.size(20_000, 2_000)
    with bench.server() as server:
        for figure, names, processes, concurrency, rules in bench.size(DRAINS, DRAINS[:2]):
            for number, contestant in bench.turns(*names):
                with bench.attempt(contestant.name):
                    drained = drain(
                        server, contestant, int(jobs * contestant.share),
                        processes=processes, concurrency=concurrency, rules=rules,
                    )  # fmt: skip
                    bench.note(figure, contestant.name, number, drained.rate)


QUESTION = Question(
    "drain",
    "How fast is a backlog worked off?",
    "20,000 jobs (4,000 for the slower peers) of some 200 bytes wait; fresh worker processes begin, and a handler that "
    "does nothing runs. The rate is that of handlers begun, without the first tenth. Plain: 3 attempts, everything "
    "kept. The real queues' policy: priority, 3 attempts with backoff, retention 100 jobs / 24 h, metrics, on both "
    "sides. Every drain is checked: each job handled, none twice, all settled.",
    (ONE_50, ONE_50_POLICY, ONE_5, ONE_5_POLICY, TWO_50, TWO_50_POLICY),
    (
        Bar(ONE_50, 2.5, 4.0, ("node",)),
        Bar(ONE_50_POLICY, 2.0, 3.0, ("node",)),
        Bar(ONE_5, 1.4, 2.0, ("node",)),
        Bar(TWO_50, 2.5, 4.0, ("node",)),
        Bar(ONE_50, 1.5, 2.5, ("floor",)),
        Bar(ONE_50, 8.0, 12.0, ("package",)),
        Bar(ONE_50, 3.0, 5.0, OTHER_PYTHON_QUEUES),
    ),
    _measure,
)

"""How soon does an idle worker begin with a job?"""

from benchmarks.contestants import OTHER_PYTHON_QUEUES, Contestant
from benchmarks.figures import OURS, Bar, Figure, percentile
from benchmarks.harness import Bench, check_each_once, empty, wait_for_count
from benchmarks.peers.conversation import QUEUE
from benchmarks.question import Question
from tests.redis_server import RedisServer

P50 = Figure("pickup.p50", "50 jobs/s, p50", "ms", higher_is_better=False)
P95 = Figure("pickup.p95", "50 jobs/s, p95", "ms", higher_is_better=False)
P99 = Figure("pickup.p99", "50 jobs/s, p99", "ms", higher_is_better=False)
BUSY_P50 = Figure("pickup.busy.p50", "1,000 jobs/s, p50", "ms", higher_is_better=False)
BUSY_P99 = Figure("pickup.busy.p99", "1,000 jobs/s, p99", "ms", higher_is_better=False)
GENTLE, BUSY = 50, 1_000
CONCURRENCY = 5
#: Handled before the clock starts.
WARM_UP = 50


def pick_up(server: RedisServer, contestant: Contestant, per_second: int, jobs: int) -> list[float]:
    """Milliseconds from just before adding a job to its handler's first line, producer and worker being two processes.

    Raises PeerFailed.
    """
    empty(server)
    with contestant.start(server.url) as producer, contestant.start(server.url) as worker:
        worker.ask("work", concurrency=CONCURRENCY, rules="plain", rate=None, queues=[QUEUE])
        producer.ask("produce", first=0, count=WARM_UP, per_second=per_second, rules="plain")
        wait_for_count([worker], WARM_UP)
        worker.take_handled()
        producer.ask("produce", first=0, count=jobs, per_second=per_second, rules="plain")
        wait_for_count([worker], jobs)
        handled = worker.take_handled()
    check_each_once(handled, jobs)
    return [(seen.begun_us - seen.added_us) / 1000 for seen in handled]


def _measure(bench: Bench) -> None:
    with bench.server() as server:
        everybody = (OURS, "node", "package", *OTHER_PYTHON_QUEUES)
        for number, contestant in bench.turns(*bench.size(everybody, (OURS, "node"))):
            with bench.attempt(contestant.name):
                took = pick_up(server, contestant, GENTLE, bench.size(500, 50))
                for figure, share in ((P50, 0.5), (P95, 0.95), (P99, 0.99)):
                    bench.note(figure, contestant.name, number, percentile(took, share))
        for number, contestant in bench.turns(*bench.size((OURS, "node", *OTHER_PYTHON_QUEUES), (OURS,))):
            with bench.attempt(contestant.name):
                took = pick_up(server, contestant, BUSY, bench.size(5_000, 500))
                for figure, share in ((BUSY_P50, 0.5), (BUSY_P99, 0.99)):
                    bench.note(figure, contestant.name, number, percentile(took, share))


QUESTION = Question(
    "pickup",
    "How soon does a worker begin with a job?",
    "One process adds 500 jobs at an even rate, another (concurrency 5) does them. The time is from just before the "
    "add to the first line of the handler, by a clock both share.",
    (P50, P95, P99, BUSY_P50, BUSY_P99),
    (Bar(P99, 0.6, 0.3, ("node",)),),
    _measure,
)

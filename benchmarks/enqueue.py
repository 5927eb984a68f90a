"""How fast are jobs added?"""

from benchmarks.child import PeerFailed
from benchmarks.contestants import OTHER_PYTHON_QUEUES, Contestant
from benchmarks.figures import OURS, Bar, Figure
from benchmarks.harness import Bench, empty
from benchmarks.peers.conversation import QUEUE
from benchmarks.question import Question
from tests.redis_server import RedisServer

BULK = Figure("enqueue.bulk", "Bulk, one call for all", "jobs/s")
CONCURRENT = Figure("enqueue.concurrent", "1,000 single adds at once", "jobs/s")
ONE_BY_ONE = Figure("enqueue.one_by_one", "One by one, each waiting for its answer", "jobs/s")
BULK_POLICY = Figure("enqueue.bulk.policy", "Bulk, the real queues' policy", "jobs/s")
CONCURRENT_POLICY = Figure("enqueue.concurrent.policy", "1,000 single adds at once, the real queues' policy", "jobs/s")
#: Added before the clock starts, for connections, scripts and Node's compiler.
WARM_UP = 1_000
#: Where each keeps the jobs that wait.
WAITING_KEYS = {"dramatiq": [f"dramatiq:{QUEUE}"], "huey": [f"huey.redis.{QUEUE}"]}


def add(server: RedisServer, contestant: Contestant, way: str, jobs: int, rules: str) -> float:
    """Add jobs to an empty queue in a fresh process and return how many a second; raises PeerFailed if some lack."""
    empty(server)
    with contestant.start(server.url) as producer:
        producer.ask("add", way=way, first=0, count=WARM_UP, rules=rules)
        took = producer.ask("add", way=way, first=WARM_UP, count=jobs, rules=rules)["seconds"]
    found = waiting(server, contestant)
    if found != WARM_UP + jobs:
        raise PeerFailed(f"{found} jobs wait, but {WARM_UP + jobs} were added")
    return float(jobs / took)


def waiting(server: RedisServer, contestant: Contestant) -> int:
    """How many jobs of a contestant wait."""
    with server.client() as client:
        if contestant.is_bullmq:
            return int(client.llen(f"bull:{QUEUE}:wait")) + int(client.zcard(f"bull:{QUEUE}:prioritized"))
        return sum(int(client.llen(key)) for key in WAITING_KEYS[contestant.name])


def _measure(bench: Bench) -> None:
    rivals = (OURS, "node")
    everybody = bench.size((*rivals, "package", *OTHER_PYTHON_QUEUES), rivals)
    with bench.server() as server:
        for figure, names, way, jobs, rules in (
            (BULK, everybody, "bulk", bench.size(30_000, 2_000), "plain"),
            (BULK_POLICY, rivals, "bulk", bench.size(30_000, 2_000), "policy"),
            (CONCURRENT, everybody[:3], "concurrent", bench.size(20_000, 2_000), "plain"),
            (CONCURRENT_POLICY, rivals, "concurrent", bench.size(20_000, 2_000), "policy"),
            (ONE_BY_ONE, everybody, "one_by_one", bench.size(5_000, 500), "plain"),
        ):
            for number, contestant in bench.turns(*names):
                with bench.attempt(contestant.name):
                    rate = add(server, contestant, way, int(jobs * max(contestant.share, 0.3)), rules)
                    bench.note(figure, contestant.name, number, rate)


QUESTION = Question(
    "enqueue",
    "How fast are jobs added?",
    "One process adds jobs of some 200 bytes to an empty queue, after 1,000 to warm up; afterwards as many have to be "
    "there. dramatiq and huey have no bulk of their own: theirs is one by one too.",
    (BULK, BULK_POLICY, CONCURRENT, CONCURRENT_POLICY, ONE_BY_ONE),
    (
        Bar(BULK, 2.0, 4.0, ("node",)),
        Bar(CONCURRENT, 1.5, 3.0, ("node",)),
        Bar(ONE_BY_ONE, 1.0, 1.5, ("node",)),
    ),
    _measure,
)

"""How long does one call keep Redis busy?"""

from benchmarks.contestants import CONTESTANTS
from benchmarks.drain import add_backlog, check_settled
from benchmarks.figures import OURS, Bar, Figure
from benchmarks.harness import Bench, check_each_once, empty, wait_for_count
from benchmarks.peers.conversation import QUEUE
from benchmarks.question import Question
from tests.redis_server import RedisServer

MEDIAN = Figure("calls.p50", "Script calls under full load, p50", "ms", False)
P99 = Figure("calls.p99", "Script calls under full load, p99", "ms", False)
P999 = Figure("calls.p999", "Script calls under full load, p99.9", "ms", False)
LONGEST = Figure("calls.longest", "Script calls under full load, the longest", "ms", False)
PAUSE = Figure("calls.pause", "The longest XADD in them: what the machine itself adds", "ms", False)
PERCENTILES = {"p50": MEDIAN, "p99": P99, "p99.9": P999, "p100": LONGEST}


def call_times(server: RedisServer, contestant: str, jobs: int, rules: str) -> dict[Figure, float]:
    """Percentiles in ms, by Redis's own clock, of the script calls of two workers and a producer at full speed.

    Raises PeerFailed.
    """
    empty(server)
    one = CONTESTANTS[contestant]
    add_backlog(server, one, jobs, rules)
    with one.start(server.url) as producer, one.start(server.url) as first, one.start(server.url) as second:
        with server.client() as client:
            client.config_set("latency-tracking-info-percentiles", " ".join(p[1:] for p in PERCENTILES))
            client.config_resetstat()
        for worker in (first, second):
            worker.ask("work", concurrency=50, rules=rules, rate=None, queues=[QUEUE])
        producer.ask("add", way="bulk", first=jobs, count=jobs, rules=rules)
        wait_for_count([first, second], 2 * jobs)
        with server.client() as client:
            stats = client.info("latencystats")
        check_each_once([*first.take_handled(), *second.take_handled()], 2 * jobs)
        check_settled(server, 2 * jobs, rules)
    scripts, trifles = (stats[f"latency_percentiles_usec_{name}"] for name in ("evalsha", "xadd"))
    return {PERCENTILES[name]: float(scripts[name]) / 1000 for name in PERCENTILES} | {
        PAUSE: float(trifles["p100"]) / 1000
    }


def _measure(bench: Bench) -> None:
    with bench.server() as server:
        for number, contestant in bench.turns(*bench.size((OURS, "node"), (OURS,))):
            with bench.attempt(contestant.name):
                times = call_times(server, contestant.name, bench.size(20_000, 1_000), "policy")
                for figure, milliseconds in times.items():
                    bench.note(figure, contestant.name, number, milliseconds)


QUESTION = Question(
    "calls",
    "How long does one call keep Redis busy?",
    "Two processes work off a backlog of 20,000 jobs at concurrency 50, with the real queues' policy, while a third "
    "adds 20,000 more in bulk: more processes than cores. Redis's own clock (INFO latencystats), which goes on while "
    "Redis has to wait for a core; the longest XADD, a matter of microseconds, shows how long that can be.",
    (MEDIAN, P99, P999, LONGEST, PAUSE),
    (Bar(LONGEST, 2.0, 1.0),),
    _measure,
)

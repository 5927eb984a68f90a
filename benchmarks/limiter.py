"""Is the rate limit kept, and used up?"""

from benchmarks.contestants import Contestant
from benchmarks.drain import add_backlog
from benchmarks.figures import OURS, Bar, Figure, most_in_any_window
from benchmarks.harness import Bench, check_each_once, empty, wait_for_count
from benchmarks.peers.conversation import QUEUE
from benchmarks.question import Question
from tests.redis_server import RedisServer

SHARE = Figure("limiter.share", "Share of the configured rate reached with work waiting", "%")
MOST = Figure("limiter.most", "Most starts in any window, of those allowed", "×", higher_is_better=False)
#: Ten in a second, as the message queue has it.
MAX_JOBS, PER_MS = 10, 1_000
#: Windows are measured this much shorter: a start is noted when the handler runs, some ms after Redis counted it.
JITTER_MS = 20


def limited(server: RedisServer, contestant: Contestant, jobs: int) -> tuple[float, float]:
    """Work off a backlog under the limit; returns the share of the rate in %, and the fullest window against MAX_JOBS.

    Raises PeerFailed.
    """
    empty(server)
    add_backlog(server, contestant, jobs, "plain")
    with contestant.start(server.url) as worker:
        worker.ask("work", concurrency=5, rules="plain", rate=[MAX_JOBS, PER_MS], queues=[QUEUE])
        wait_for_count([worker], jobs)
        handled = worker.take_handled()
    check_each_once(handled, jobs)
    moments = sorted(seen.begun_us for seen in handled)
    # The last window's jobs begin as it opens: that is when all windows before it are over.
    windows = jobs / MAX_JOBS - 1
    took_ms = (moments[-MAX_JOBS] - moments[0]) / 1000
    return windows * PER_MS / took_ms * 100, most_in_any_window(moments, (PER_MS - JITTER_MS) * 1000) / MAX_JOBS


def _measure(bench: Bench) -> None:
    jobs = bench.size(200, 20)
    with bench.server() as server:
        for number, contestant in bench.turns(*bench.size((OURS, "node"), (OURS,))):
            with bench.attempt(contestant.name):
                share, most = limited(server, contestant, jobs)
                bench.note(SHARE, contestant.name, number, share)
                bench.note(MOST, contestant.name, number, most)


QUESTION = Question(
    "limiter",
    "Is the rate limit kept, and used up?",
    "200 jobs wait for a worker (concurrency 5) that may start 10 a second. The windows slide: no 980 ms, wherever "
    "they begin, should hold more than 10 starts.",
    (SHARE, MOST),
    (Bar(SHARE, 97.0, 99.0), Bar(MOST, 1.0, 1.0)),
    _measure,
)

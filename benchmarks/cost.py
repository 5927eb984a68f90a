"""What does a job cost: CPU of the worker and of Redis, memory of both?"""

import psutil

from benchmarks.contestants import OTHER_PYTHON_QUEUES, Contestant
from benchmarks.drain import drain
from benchmarks.figures import OURS, Bar, Figure
from benchmarks.harness import Bench, empty
from benchmarks.idle import SETTLING_SECONDS, idle_process
from benchmarks.question import Question
from tests.redis_server import RedisServer

WORKER_CPU = Figure("cost.worker_cpu", "Worker CPU per job, plain", "µs", False)
REDIS_CPU = Figure("cost.redis_cpu", "Redis CPU per job, plain", "µs", False)
WORKER_CPU_POLICY = Figure("cost.worker_cpu.policy", "Worker CPU per job, the real queues' policy", "µs", False)
REDIS_CPU_POLICY = Figure("cost.redis_cpu.policy", "Redis CPU per job, the real queues' policy", "µs", False)
WAITING_BYTES = Figure("cost.bytes", "Redis bytes per waiting job", "bytes", False)
RESIDENT = Figure("cost.rss", "Resident memory of an idle worker process, 3 queues", "MB", False)


def bytes_per_waiting_job(server: RedisServer, contestant: Contestant, jobs: int) -> float:
    """What Redis's memory grows by, per job, when the contestant itself adds many."""
    with contestant.start(server.url) as producer:
        producer.ask("add", way="bulk", first=0, count=100, rules="plain")  # scripts and buffers are there then
        empty(server)
        with server.client() as client:
            before = int(client.info("memory")["used_memory_dataset"])
            producer.ask("add", way="bulk", first=0, count=jobs, rules="plain")
            after = int(client.info("memory")["used_memory_dataset"])
    return (after - before) / jobs


def _measure(bench: Bench) -> None:
    jobs = bench.size(20_000, 2_000)
    everybody = (OURS, "node", "floor", "package", *OTHER_PYTHON_QUEUES)
    with bench.server() as server:
        for rules, worker_cpu, redis_cpu, names in (
            ("plain", WORKER_CPU, REDIS_CPU, bench.size(everybody, (OURS,))),
            ("policy", WORKER_CPU_POLICY, REDIS_CPU_POLICY, bench.size((OURS, "node", "package"), (OURS,))),
        ):
            for number, contestant in bench.turns(*names):
                with bench.attempt(contestant.name):
                    share = int(jobs * contestant.share)
                    drained = drain(server, contestant, share, processes=1, concurrency=50, rules=rules)
                    bench.note(worker_cpu, contestant.name, number, drained.worker_cpu_us)
                    bench.note(redis_cpu, contestant.name, number, drained.redis_cpu_us)
        for number, contestant in bench.turns(
            *bench.size((OURS, "node", "package", *OTHER_PYTHON_QUEUES), (OURS, "node"))
        ):
            with bench.attempt(contestant.name):
                taken = bytes_per_waiting_job(server, contestant, bench.size(20_000, 2_000))
                bench.note(WAITING_BYTES, contestant.name, number, taken)
        settling = bench.size(SETTLING_SECONDS, 2)
        for number, contestant in bench.turns(*bench.size((OURS, "node", "package", "dramatiq"), (OURS,))):
            with bench.attempt(contestant.name), idle_process(server, contestant.name, settling) as pid:
                bench.note(RESIDENT, contestant.name, number, psutil.Process(pid).memory_info().rss / 1e6)


QUESTION = Question(
    "cost",
    "What does a job cost?",
    "CPU: of the worker process and of redis-server while a backlog is worked off by one process at concurrency 50, "
    "without the first tenth. Bytes: what Redis's data grows by while each adds 20,000 jobs of the same payload by its "
    "own means. Memory: `oxyq workers start`, idle, all imports included; of the others a bare worker.",
    (WORKER_CPU, REDIS_CPU, WORKER_CPU_POLICY, REDIS_CPU_POLICY, WAITING_BYTES, RESIDENT),
    (Bar(WAITING_BYTES, 1.0, 0.9, ("node",)), Bar(RESIDENT, 60.0, 45.0)),
    _measure,
)

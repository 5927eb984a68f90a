"""Every metric there is, one row each; what is measured, the documentation, the alerts and the dashboard keep to it.

Names follow Prometheus's rules (prometheus.io/docs/practices/naming): base units, `_total` for what only grows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Where: TypeAlias = Literal["every process", "workers", "API", "bridge"]
"""Who tells it. API: read from Redis, so it is the same whoever is asked, and summing it up over processes is wrong."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `bounds`: upper ends of a histogram's buckets, in its unit, without the last, which has none.

    `starts`: labels that a counter tells from the beginning, at 0. Prometheus takes a counter that appears with 1 for
    one that always had it, so what an alert waits for would be missed the first time.
    """

    name: str
    kind: Kind
    where: Where
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    starts: tuple[tuple[str, ...], ...] = ()

    @property
    def unit(self) -> str:
        """The base unit that its name ends in, "" for a number of things."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in ("seconds", "bytes") else ""


_KINDS: Final = ("message", "automation", "campaign")
#: Doubling from a millisecond to over an hour: every second end of the buckets that the statistics have.
DURATIONS: Final = tuple(0.001 * 2**step for step in range(23))
LAGS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ANSWERS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)

METRICS: Final = (
    # --- how the queues stand ---------------------------------------------------------------------------------
    Metric("oxyq_up", "gauge", "API", "Whether Redis answered; without it nothing else of Redis is told."),
    Metric(
        "oxyq_queue_jobs", "gauge", "API",
        "Jobs by state; waiting: all that are ready to run; completed and failed: those that are kept.",
        ("queue", "state"),
    ),
    Metric("oxyq_queue_oldest_seconds", "gauge", "API", "For how long the next job could have run.", ("queue",)),
    Metric("oxyq_queue_target_seconds", "gauge", "API", "How soon 95 of 100 jobs should be done.", ("queue",)),
    Metric("oxyq_queue_paused", "gauge", "API", "Whether workers are told to take nothing.", ("queue",)),
    Metric(
        "oxyq_queue_finished_total", "counter", "API",
        "Jobs that ended since the queue exists, whoever worked them, Node included.", ("queue", "outcome"),
    ),
    Metric("oxyq_queue_workers", "gauge", "API", "Worker processes of ours that work on it.", ("queue",)),
    Metric("oxyq_queue_slots", "gauge", "API", "Jobs that these processes run at once.", ("queue",)),
    Metric(
        "oxyq_queue_limit_jobs_per_second", "gauge", "API",
        "Jobs that may start in a second, over all workers together.", ("queue",),
    ),
    Metric("oxyq_queue_alive", "gauge", "API", "Whether work gets through, as the canaries see it.", ("queue",)),
    Metric(
        "oxyq_queue_through_seconds", "gauge", "API", "Since when no work was seen to get through.", ("queue",)
    ),
    Metric("oxyq_queue_mean_run_seconds", "gauge", "API", "How long jobs ran lately, on average.", ("queue",)),
    Metric("oxyq_queue_work_seconds", "gauge", "API", "Seconds of work waiting: ready jobs x mean run.", ("queue",)),
    Metric(
        "oxyq_queue_drain_seconds", "gauge", "API",
        "How long the workers there are need for the ready jobs, the limit heeded.", ("queue",),
    ),
    Metric("oxyq_queue_wanted_workers", "gauge", "API", "Worker processes that are needed now.", ("queue",)),
    Metric("oxyq_dead_letters", "gauge", "API", "Jobs that were given up and wait for somebody."),
    Metric("oxyq_workers", "gauge", "API", "Worker processes that live, by release.", ("version",)),
    Metric("oxyq_numbers", "gauge", "API", "WhatsApp numbers by what was last heard of them.", ("state",)),
    Metric("oxyq_numbers_away", "gauge", "API", "Numbers that are not connected, though they once were; at most 500."),
    Metric(
        "oxyq_campaigns_stopped", "gauge", "API", "Campaigns that stand still though their hours are open; at most 200."
    ),
    Metric(
        "oxyq_organization_jobs", "gauge", "API",
        "Jobs that ended in the last hour, of the busiest organizations; the rest is `other`.",
        ("organization", "outcome"),
    ),
    # --- Redis ------------------------------------------------------------------------------------------------
    Metric("oxyq_redis_ping_seconds", "gauge", "API", "How long one PING took."),
    Metric("oxyq_redis_memory_bytes", "gauge", "API", "Memory that Redis uses."),
    Metric("oxyq_redis_memory_limit_bytes", "gauge", "API", "Its maxmemory; absent when none is set."),
    Metric(
        "oxyq_redis_intake_limit_ratio", "gauge", "API",
        "How much of its maxmemory may be used before nothing new is taken in.",
    ),
    Metric(
        "oxyq_redis_commands_total", "counter", "API",
        "Commands that Redis got since it started, of everybody, those inside scripts included.",
    ),
    Metric(
        "oxyq_redis_commands_per_hour", "gauge", "API", "The same in the last hour, or since it started."
    ),
    Metric("oxyq_redis_budget_commands_per_hour", "gauge", "API", "OXYQ_REDIS_BUDGET; absent when none is set."),
    Metric("oxyq_redis_danger", "gauge", "API", "Whether a setting or a budget puts jobs at risk.", ("danger",)),
    # --- jobs that workers of ours ran ------------------------------------------------------------------------
    Metric(
        "oxyq_jobs_total", "counter", "workers",
        "Attempts by how they ended; failed: for good; retried: tried again later; postponed: no attempt was used.",
        ("queue", "outcome"),
    ),
    Metric(
        "oxyq_job_wait_seconds", "histogram", "workers", "How long jobs were ready before they first ran.", ("queue",),
        DURATIONS,
    ),
    Metric(
        "oxyq_job_run_seconds", "histogram", "workers", "How long attempts ran that completed or failed.", ("queue",),
        DURATIONS,
    ),
    Metric("oxyq_jobs_in_hand", "gauge", "workers", "Jobs that are running now, or not yet written as ended."),
    Metric(
        "oxyq_jobs_disturbed_total", "counter", "workers",
        "lost: not ours any more while it ran; recovered: of workers that died; handed_back: outlived a stop; "
        "quarantined: could not be read.", ("queue", "what"),
    ),
    Metric(
        "oxyq_worker_troubles_total", "counter", "workers", "What a worker could not do and tries again.", ("queue",)
    ),
    # --- sending ----------------------------------------------------------------------------------------------
    Metric(
        "oxyq_sends_total", "counter", "workers", "Tries to send a message, by how they ended.", ("kind", "outcome"),
        starts=tuple((kind, outcome) for kind in _KINDS for outcome in ("sent", "unconfirmed", "halted")),
    ),
    Metric(
        "oxyq_limiter_waits_total", "counter", "workers", "Messages that a limit let wait, each time.", ("kind", "why")
    ),
    Metric(
        "oxyq_limiter_wait_seconds_total", "counter", "workers", "For how long, all together.", ("kind", "why")
    ),
    Metric("oxyq_campaigns_ended_total", "counter", "workers", "Campaigns of which all was sent.", starts=((),)),
    Metric(
        "oxyq_ai_seconds", "histogram", "workers", "How long language models took.", ("provider", "outcome"), ANSWERS
    ),
    Metric("oxyq_ai_tokens_total", "counter", "workers", "Tokens they used.", ("provider", "direction")),
    # --- what comes in ----------------------------------------------------------------------------------------
    Metric(
        "oxyq_webhook_parts_total", "counter", "every process", "What gateways told, by what became of it.",
        ("gateway", "outcome"),
    ),
    Metric(
        "oxyq_number_changes_total", "counter", "every process", "Numbers that were connected or cut off.", ("state",)
    ),
    # --- the process ------------------------------------------------------------------------------------------
    Metric("oxyq_build_info", "gauge", "every process", "Always 1.", ("version", "python", "role")),
    Metric(
        "oxyq_loop_lag_seconds", "histogram", "every process",
        "How much too late the event loop came to what was due, looked at twice a second.", (), LAGS,
    ),
    Metric("oxyq_redis_calls_total", "counter", "every process", "Commands and scripts it sent to Redis."),
    Metric("oxyq_redis_connects_total", "counter", "every process", "How often it tried to connect to Redis."),
    Metric("oxyq_chore_failures_total", "counter", "every process", "Chores that failed and try again.", ("chore",)),
    Metric("oxyq_stray_errors_total", "counter", "every process", "Errors that nobody waited for.", starts=((),)),
    # --- the bridge -------------------------------------------------------------------------------------------
    Metric("oxyq_bridge_info", "gauge", "bridge", "Always 1.", ("baileys", "node")),
    Metric("oxyq_bridge_numbers", "gauge", "bridge", "Numbers this bridge has, by how they stand.", ("state",)),
    Metric("oxyq_bridge_numbers_limit", "gauge", "bridge", "How many it opens at most."),
    Metric(
        "oxyq_bridge_sends_total", "counter", "bridge", "Messages it was given, by how that ended.", ("outcome",)
    ),
    Metric("oxyq_bridge_send_seconds_total", "counter", "bridge", "How long they took, all together."),
    Metric(
        "oxyq_bridge_inbound_total", "counter", "bridge", "Messages of customers that are in Redis or on the disk."
    ),
    Metric("oxyq_bridge_spooled_messages", "gauge", "bridge", "Of these, those that wait on the disk for Redis."),
    Metric("oxyq_bridge_spooled_events", "gauge", "bridge", "News that wait on the disk for the API."),
    Metric("oxyq_bridge_redis_up", "gauge", "bridge", "Whether it is connected to Redis."),
    Metric("oxyq_bridge_disconnects_total", "counter", "bridge", "Connections to WhatsApp that ended by themselves."),
    Metric(
        "oxyq_bridge_loop_lag_seconds", "gauge", "bridge", "The longest lag of its event loop since it was last asked."
    ),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in METRICS}

#: Written by prometheus_client for Python processes (Linux only), and by the bridge the first three.
STANDARD: Final = (
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds",
    "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
)  # fmt: skip


def metrics_markdown() -> str:
    """The table as it stands in docs/how-to/metrics.md."""
    rows = (f"| `{one.name}` | {one.kind} | {_labels(one.labels)} | {one.where} | {one.help} |" for one in METRICS)
    return "\n".join(("| metric | kind | labels | told by | what |", "|---|---|---|---|---|", *rows))


def _labels(labels: Sequence[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels) or "–"

"""How long and with which settings the rig runs: a row for each lane, and what is promised under these settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Lane:
    """One way to run the rig; times in seconds, jobs a second, memory in MiB."""

    name: str
    jobs: int
    waves: int
    """How often something is broken; each wave is one to three faults, and a calm to recover in."""
    freeze: float
    """How long what is frozen or partitioned stays so: longer than a lock, so that others take its jobs."""
    resumed: float
    """Until the jobs that a dead worker had in hand run again: lock + 2 × stalled interval, and a moment."""
    flowing: float
    """Until a message that comes in after a fault is answered."""
    stopped: float
    """Until who was asked to stop has: the grace of its jobs, and some time to hand them back."""
    drained: float
    """Until everything has ended after the last fault."""
    settings: Mapping[str, str]
    latency: float = 0.4
    """How long a message is at the gateway, give or take the half: so that workers always have some in hand."""
    memory_slope: float | None = None
    """Growth of a worker that is a leak, in MiB for 1,000 jobs of its own; None where a run is too short to tell."""
    kept_keys: int | None = None
    """How many keys without an end a run may leave behind; None where all jobs are kept, as evidence."""
    jobs_a_second: float | None = None
    """How fast jobs come in; None: spread over the faults."""

    @property
    def keeps_all(self) -> bool:
        """Whether all completed jobs are kept."""
        return self.kept_keys is None


#: No rate limit slows a run down, and whoever is unlucky again and again is not given up.
_FOR_ALL: Final = {
    "OXYQ_MESSAGE_RATE": "100000/1",
    "OXYQ_AUTOMATION_RATE": "100000/1",
    "OXYQ_CAMPAIGN_RATE": "100000/1",
    "OXYQ_MESSAGE_CONCURRENCY": "8",
    "OXYQ_AUTOMATION_CONCURRENCY": "8",
    "OXYQ_CAMPAIGN_CONCURRENCY": "8",
    # A job meets more faults here within a minute than elsewhere in a year.
    "OXYQ_MAX_STALLED": "20",
}
_SHORT: Final = {
    "OXYQ_LOCK_SECONDS": "3",
    "OXYQ_STALLED_INTERVAL_SECONDS": "1",
    "OXYQ_STOP_GRACE_SECONDS": "5",
    "OXYQ_MESSAGE_ATTEMPTS": "8",
    "OXYQ_AUTOMATION_ATTEMPTS": "8",
    "OXYQ_CAMPAIGN_ATTEMPTS": "8",
    "OXYQ_MESSAGE_BACKOFF_SECONDS": "0.5",
    "OXYQ_AUTOMATION_BACKOFF_SECONDS": "0.5",
    "OXYQ_CAMPAIGN_BACKOFF_SECONDS": "0.5",
}
_WIDE: Final = {"OXYQ_MESSAGE_CONCURRENCY": "50", "OXYQ_AUTOMATION_CONCURRENCY": "50"}

LANES: Final[Mapping[str, Lane]] = {
    lane.name: lane
    for lane in (
        Lane(
            name="short", jobs=1_500, waves=4, freeze=9, resumed=6, flowing=5, stopped=20,
            drained=45, settings=_FOR_ALL | _SHORT,
        ),
        Lane(
            # With the timings that users get. Frozen for 40 s: a lock ends, and its jobs are elsewhere.
            name="long", jobs=2_000, waves=2, freeze=40, resumed=60, flowing=20,
            stopped=60, drained=150, settings=_FOR_ALL,
        ),
        Lane(
            name="soak", jobs=200_000, waves=0, freeze=40, resumed=60, flowing=20,
            stopped=60, drained=7200, settings=_FOR_ALL | _WIDE,
            # It takes as long as the machine needs. A leak of 100 bytes a job, one small object, is 0.1 MiB for 1,000.
            # Kept: 100 completed jobs of each of three queues, what each queue has of its own, and the settings.
            latency=0.02, memory_slope=0.1, kept_keys=400, jobs_a_second=500,
        ),
    )
}  # fmt: skip
#: What a run that is no soak keeps of completed jobs: all, as evidence.
KEEP_ALL: Final = {f"OXYQ_{queue}_KEEP_COMPLETED_COUNT": "1000000" for queue in ("MESSAGE", "AUTOMATION", "CAMPAIGN")}

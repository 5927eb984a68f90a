"""How many workers a queue needs: by the seconds of work that wait in it, never by how many jobs do."""

import math
from dataclasses import dataclass
from typing import Final

#: How long a job runs where none ended lately.
GUESSED_RUN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a queue has to do, and with what.

    slots: jobs that the workers there are run at once. slots_per_worker: those of one process. target_seconds: how soon
    jobs should be done. limit_per_second: jobs that may start in a second, over all workers together.
    """

    ready: int
    active: int
    mean_run_seconds: float
    slots: int
    slots_per_worker: int
    target_seconds: float
    limit_per_second: float

    @property
    def work_seconds(self) -> float:
        """Seconds of work waiting: as long as one slot alone would need for it."""
        return self.ready * self.mean_run_seconds

    @property
    def drain_seconds(self) -> float:
        """How long the workers there are need for what is ready; infinite without any."""
        if not self.ready:
            return 0.0
        by_work = self.work_seconds / self.slots if self.slots else math.inf
        return max(by_work, self.ready / self.limit_per_second)

    @property
    def wanted_workers(self) -> float:
        """Processes needed to have what waits done within the target, beside what runs; a fraction, to be rounded up.

        What runs counts too: at a steady load nothing waits, and those that see to it must stay. More slots than the
        limit lets jobs start for would stand idle, so those are not asked for.
        """
        useful = max(self.limit_per_second * self.mean_run_seconds, self.active)
        return min(self.active + self.work_seconds / self.target_seconds, useful) / self.slots_per_worker

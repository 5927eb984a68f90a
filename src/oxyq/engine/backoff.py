"""How long to wait before the next attempt."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from oxyq.engine.job import Job
from oxyq.engine.json_text import as_int

#: A strategy of one's own: (attempts made, the error, the job) -> milliseconds to wait; negative: give up.
BackoffStrategy = Callable[[int, BaseException, Job], int | float]

#: Longest pause between attempts, so that a large exponent stays a date: 30 days in ms.
LONGEST_BACKOFF_MS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Backoff:
    """A producer's wish: `kind` exponential, fixed or the name of a strategy the worker knows; `jitter` 0 to 1."""

    kind: str = "exponential"
    delay_ms: int = 2000
    jitter: float = 0.2

    def option(self) -> dict[str, object]:
        """As BullMQ stores it; `jitter` is understood by Node BullMQ too."""
        return {"type": self.kind, "delay": self.delay_ms, "jitter": self.jitter}


@dataclass(frozen=True, slots=True)
class BackoffRules:
    """A worker's side: its own strategies by name, and the jitter for jobs that name none."""

    strategies: Mapping[str, BackoffStrategy] = field(default_factory=dict)
    default_jitter: float = 0.2

    def delay_ms(self, job: Job, error: BaseException) -> int:
        """Milliseconds until the next attempt of `job`; 0: at once, negative: give up.

        An unknown kind waits exponentially: BullMQ would leave such a job to stall.
        """
        wanted = job.options.get("backoff")
        if wanted is None or wanted is False or wanted == 0:
            return 0
        option = wanted if isinstance(wanted, dict) else {"type": "fixed", "delay": wanted}
        kind, base = option.get("type"), min(max(as_int(option.get("delay")) or 0, 0), LONGEST_BACKOFF_MS)
        strategy = self.strategies.get(kind) if isinstance(kind, str) else None
        if strategy is not None:
            return min(int(strategy(job.attempt, error, job)), LONGEST_BACKOFF_MS)
        whole = base if kind == "fixed" else min(base * 2 ** min(job.attempt - 1, 40), LONGEST_BACKOFF_MS)
        return _jittered(whole, option.get("jitter"), self.default_jitter)


def _jittered(delay_ms: int, wished: object, default: float) -> int:
    """Shorten by a random part of up to `jitter`, as Node BullMQ does: never later than the plain delay."""
    jitter = float(wished) if isinstance(wished, int | float) and not isinstance(wished, bool) else default
    return int(delay_ms * (1 - min(max(jitter, 0.0), 1.0) * random.random()))  # noqa: S311 - spreads retries

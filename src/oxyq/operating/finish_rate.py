"""How many jobs end in a second just now, out of looks at counters that only grow."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: The rate is that of about so many seconds up to now; what was seen long before says nothing about now.
NOW_SECONDS: Final = 10.0
TOO_OLD_SECONDS: Final = 60.0
#: Two looks closer together than this are one.
SHORTEST_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Finished:
    """How many jobs of a queue completed and failed: since it exists, or in one second."""

    completed: float
    failed: float


class FinishRates:
    """Turns looks at the counters of all queues into rates, however many ask and however often."""

    def __init__(self) -> None:
        self._looks = deque[tuple[float, dict[str, Finished]]]()

    def look(self, now: float, totals: Mapping[str, Finished]) -> dict[str, Finished | None]:
        """Jobs per second after a look at `now` (seconds of a clock that never goes back); None at the first look."""
        while self._looks and self._looks[0][0] < now - TOO_OLD_SECONDS:
            self._looks.popleft()
        # The one that is about as old as it should be, or the oldest there is.
        while len(self._looks) > 1 and self._looks[1][0] <= now - NOW_SECONDS:
            self._looks.popleft()
        rates = {name: self._rate(now, name, total) for name, total in totals.items()}
        if not self._looks or now - self._looks[-1][0] >= SHORTEST_SECONDS:
            self._looks.append((now, dict(totals)))
        return rates

    def _rate(self, now: float, name: str, total: Finished) -> Finished | None:
        if not self._looks or now - self._looks[0][0] < SHORTEST_SECONDS:
            return None
        seconds, before = now - self._looks[0][0], self._looks[0][1].get(name)
        if before is None or total.completed < before.completed or total.failed < before.failed:
            return None  # the queue was emptied for good and counts anew
        return Finished((total.completed - before.completed) / seconds, (total.failed - before.failed) / seconds)

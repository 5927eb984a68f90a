"""How many commands Redis gets in an hour: what hosted Redis is billed by, and what a busy loop somewhere shows in."""

from collections import deque
from dataclasses import dataclass

HOUR_SECONDS = 3600.0
#: Two looks closer together than this say little: the rate is then taken over a longer time.
SHORTEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class CommandRate:
    """Commands per hour, and the seconds it was measured over, in which there were `count`."""

    per_hour: int
    over_seconds: int
    count: int

    def is_beyond(self, budget: int) -> bool:
        """Whether more than `budget` an hour are used; a busy start of a few seconds is not held against it."""
        return self.count > budget or (self.over_seconds >= SHORTEST_SECONDS and self.per_hour > budget)


class CommandCounter:
    """Turns looks at Redis's counter of commands into a rate over the last hour.

    The counter holds the commands of everybody, also of Node and the board, and those that scripts call inside.
    """

    def __init__(self) -> None:
        self._looks = deque[tuple[float, int]]()

    def look(self, now: float, total: int, up_seconds: float) -> CommandRate | None:
        """The rate after a look at `now` (seconds of a clock that never goes back).

        `total`: commands since Redis started, `up_seconds` ago. The first look gives the mean since then; None while
        Redis has just started.
        """
        if self._looks and total < self._looks[-1][1]:
            self._looks.clear()  # Redis started anew and counts from 0
        while len(self._looks) > 1 and self._looks[1][0] <= now - HOUR_SECONDS:
            self._looks.popleft()
        # One a minute is enough, however often somebody asks.
        if not self._looks or now - self._looks[-1][0] >= SHORTEST_SECONDS:
            self._looks.append((now, total))
        since, before = self._looks[0]
        if now - since < SHORTEST_SECONDS:
            since, before = now - up_seconds, 0
        seconds, count = now - since, total - before
        return CommandRate(round(count / seconds * HOUR_SECONDS), round(seconds), count) if seconds >= 1 else None

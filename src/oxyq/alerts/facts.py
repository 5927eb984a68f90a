"""What the rules look at: how everything stands, in few commands, none of which depends on how many jobs there are."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oxyq.campaigns.stopped import StoppedCampaign, StoppedCampaigns
from oxyq.clock import now_ms
from oxyq.dead_letters import DeadLetters
from oxyq.operating.liveness import Liveness, QueueLiveness
from oxyq.operating.overview import InstallationNow, Overview
from oxyq.receiving.away import AwayNumber, AwayNumbers

#: The time in which new dead letters are counted.
LETTERS_MINUTES: Final = 10
#: Letters that are looked at once: above, it is many in any case.
MOST_LETTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """How everything stood at `at_ms` (ms since 1970); new_letters: how many jobs of whom were given up lately."""

    at_ms: int
    now: InstallationNow
    liveness: Sequence[QueueLiveness]
    new_letters: Mapping[str | None, int]
    away: Sequence[AwayNumber]
    stopped: Sequence[StoppedCampaign]

    @property
    def paused(self) -> frozenset[str]:
        """The queues that somebody paused."""
        return frozenset(queue.name for queue in self.now.queues if queue.is_paused)


class FactFinder:
    """Looks at one installation. Raises QueueUnavailable: what cannot be asked is no reason for an alert."""

    def __init__(
        self,
        overview: Overview,
        liveness: Liveness,
        dead_letters: DeadLetters,
        away: AwayNumbers,
        stopped: StoppedCampaigns,
    ) -> None:
        self._overview = overview
        self._liveness = liveness
        self._dead_letters = dead_letters
        self._away = away
        self._stopped = stopped

    async def look(self) -> Facts:
        """How it stands now."""
        at_ms = now_ms()
        now, liveness, letters, away, stopped = await asyncio.gather(
            self._overview.now(),
            self._liveness.look(),
            self._new_letters(at_ms - LETTERS_MINUTES * 60_000),
            self._away.all(),
            self._stopped.all(),
        )
        return Facts(at_ms, now, list(liveness.values()), letters, away, stopped)

    async def _new_letters(self, since_ms: int) -> Mapping[str | None, int]:
        found = Counter[str | None]()
        async for letter in self._dead_letters.latest(MOST_LETTERS):
            if letter.failed_ms < since_ms:
                break
            found[letter.organization_id] += 1
        return found

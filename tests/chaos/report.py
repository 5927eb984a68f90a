"""What a run came to, in one row; and the rows in docs/chaos.md."""

import datetime
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.checker import Violation, counts_from, memory_slope, seconds_taken, warm_looks
from tests.chaos.lanes import Lane
from tests.chaos.run import Run

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "chaos.md"
_HEAD: Final = (
    "| seed | jobs | faults | done | unconfirmed | dead letters | cancelled | forgotten by Redis | "
    "jobs taken from dead workers | sent twice (answers, reminders) | sent twice (campaigns) | slowest: jobs resumed | "
    "slowest: new message answered | took | promises broken |"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One run in numbers; times in seconds."""

    seed: int
    jobs: int
    faults: int
    endings: Counter[str]
    forgotten: int
    """Messages that Redis acknowledged and forgot when it was killed, as it may with `everysec` on a slow disk."""
    recovered: int
    doubles: int
    campaign_doubles: int
    slowest_resumed: float
    slowest_flowing: float
    seconds: float
    wrong: int
    growth: float | None
    """Of the worker that grew most, in MiB for 1,000 of its jobs, over the second half; None of too short a run."""

    @property
    def is_well(self) -> bool:
        """Whether every promise was kept."""
        return self.wrong == 0

    def as_text(self) -> str:
        """For a terminal."""
        endings = ", ".join(f"{count} {ending}" for ending, count in sorted(self.endings.items()))
        return (
            f"seed {self.seed}: {endings}, {self.forgotten} forgotten; {self.recovered} jobs taken from dead workers, "
            f"{self.doubles} sent twice, {self.campaign_doubles} of a campaign; slowest: resumed "
            f"{self.slowest_resumed:.1f} s, answered {self.slowest_flowing:.1f} s; {self._grown()}"
            f"{self.seconds:.0f} s; {'all is well' if self.is_well else 'WRONG'}"
        )

    def _grown(self) -> str:
        return "" if self.growth is None else f"memory {self.growth:+.3f} MiB for 1,000 jobs of a worker; "

    def as_markdown(self) -> str:
        """For the document."""
        counts = [self.endings[name] for name in ("done", "unconfirmed", "dead-letter", "cancelled")]
        times = [f"{seconds:.1f} s" for seconds in (self.slowest_resumed, self.slowest_flowing, self.seconds)]
        cells = [
            self.seed, self.jobs, self.faults, *counts, self.forgotten, self.recovered, self.doubles,
            self.campaign_doubles, *times, self.wrong,
        ]  # fmt: skip
        return f"| {' | '.join(map(str, cells))} |"


def row_of(played: Run, found: Sequence[Violation], lane: Lane) -> Row:
    """The numbers of a run."""
    evidence = played.evidence
    times = Counter(send.key for send in evidence.sends)
    twice = [key for key, count in times.items() if count > 1]
    struck = evidence.struck
    resumed = [seconds_taken(one, counts_from(one), one.resumed, struck) for one in struck]
    flowing = [seconds_taken(one, one.ended, one.flowing, struck) for one in struck]
    warm = [warm_looks(looks) for looks in evidence.warmth.values()]
    each = len(evidence.wanted) / len(warm)
    return Row(
        seed=played.plan.seed,
        jobs=len(evidence.wanted),
        faults=len(played.plan.strikes),
        endings=Counter(ending for endings in evidence.endings.values() for ending in endings),
        forgotten=sum(not evidence.endings.get(key) for key in evidence.forgotten() & evidence.wanted.keys()),
        recovered=evidence.recovered,
        doubles=sum(key not in evidence.at_most_once for key in twice),
        campaign_doubles=sum(key in evidence.at_most_once for key in twice),
        slowest_resumed=max(resumed, default=0.0),
        slowest_flowing=max(flowing, default=0.0),
        seconds=played.seconds,
        wrong=len(found),
        growth=None if lane.memory_slope is None else max(memory_slope(looks, each) for looks in warm),
    )


def write(lane: str, rows: Sequence[Row]) -> None:
    """Put the rows between the marks of this lane in the document."""
    ran = datetime.datetime.now(datetime.UTC).date()
    when = f"Last run on {ran}, {os.cpu_count()} cores."
    rule = "|" + "---|" * (_HEAD.count("|") - 1)
    grown = [row.growth for row in rows if row.growth is not None]
    below = ["", f"The worker that grew most: {max(grown):+.3f} MiB for 1,000 of its jobs."] if grown else []
    text = "\n".join((when, "", _HEAD, rule, *(row.as_markdown() for row in rows), *below))
    marks = re.compile(f"(<!-- {lane} -->\n).*(\n<!-- end of {lane} -->)", re.DOTALL)
    before = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(marks.sub(lambda found: found[1] + text + found[2], before), encoding="utf-8")

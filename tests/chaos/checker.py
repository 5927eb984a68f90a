"""What must be true of a run's evidence, whatever was broken. Pure: evidence in, violations out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from statistics import linear_regression
from typing import Final

from tests.chaos.evidence import Evidence, Struck, Warmth
from tests.chaos.lanes import Lane

#: Tasks that come and go: a look of a chore, a reply that is on its way.
TASKS: Final = 5
#: Memory that a worker may have more at its end than when it was warm, in MiB: buffers, code that was loaded late.
MEMORY: Final = 25.0
#: Looks at a worker that are too few to say anything.
_FEW: Final = 10
#: Jobs from which on a slope is a leak; before, buffers still find their size (measured: 5 MiB in 40,000 jobs).
_ENOUGH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise that was not kept."""

    promise: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


def violations(evidence: Evidence, lane: Lane) -> list[Violation]:
    """Everything that is wrong; none when all promises were kept."""
    checks: tuple[Callable[[Evidence, Lane], Iterator[str]], ...] = (
        good_orders_are_taken, each_has_one_ending, done_means_sent, campaigns_once, others_twice_at_most,
        runs_within_promise, nothing_active, no_unknown_keys, work_resumes, work_flows, processes_stop,
        processes_live, tasks_flat, memory_flat,
    )  # fmt: skip
    return [Violation(check.__name__.replace("_", " "), what) for check in checks for what in check(evidence, lane)]


def good_orders_are_taken(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """Whoever repeats an order is acknowledged in the end."""
    yield from evidence.refused
    yield from _some("never acknowledged", evidence.never_acknowledged)


def each_has_one_ending(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """What was acknowledged is done, a dead letter, unconfirmed or cancelled: exactly one of them."""
    found = {key: evidence.endings.get(key, frozenset()) for key in evidence.wanted}
    lost = [key for key, endings in found.items() if not endings]
    yield from _some("lost", sorted(set(lost) - evidence.forgotten()))
    yield from _some("still open", [key for key, endings in found.items() if "open" in endings])
    several = [f"{key} {sorted(endings)}" for key, endings in found.items() if len(endings) > 1]
    yield from _some("ended in several ways", several)


def done_means_sent(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """What is said to be sent is in the gateway's log, and nothing that nobody asked for is."""
    sent = {send.key for send in evidence.sends}
    done = {key for key, endings in evidence.endings.items() if "done" in endings}
    yield from _some("said to be sent, and never was", sorted(done - sent))
    # A campaign that was cancelled is one that was asked for; an order whose acknowledgement was lost was repeated.
    yield from _some("sent, and nobody asked for it", sorted(sent - evidence.wanted.keys()))


def campaigns_once(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """A message of a campaign is never at the gateway twice."""
    times = Counter(send.key for send in evidence.sends)
    twice = {key for key in evidence.at_most_once if times[key] > 1}
    yield from _some("sent twice", sorted(twice - evidence.forgotten()))


def others_twice_at_most(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """Answers and reminders go out again only when nobody could know, once, and marked."""
    sends = defaultdict(list)
    for send in evidence.sends:
        sends[send.key].append(send)
    excused = evidence.at_most_once | evidence.forgotten()
    again = [key for key in sends if len(sends[key]) > 1 and key not in excused]
    in_hand = {job for struck in evidence.struck for job in struck.in_hand}
    yield from _some("sent more than twice", [key for key in again if len(sends[key]) > 2])
    yield from _some("sent twice, and not marked", [key for key in again if key not in evidence.marked])
    for_nothing = [
        key for key in again if sends[key][0].is_answered and evidence.wanted.get(key) not in in_hand
    ]  # fmt: skip
    yield from _some("sent twice, though nothing had happened to it", for_nothing)


def runs_within_promise(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """A fault makes at most those jobs run again that were in hand when it struck."""
    allowed = sum(len(struck.in_hand) for struck in evidence.struck if struck.fault.interrupts)
    if evidence.recovered > allowed:
        yield f"{evidence.recovered} jobs were taken from their workers, and only {allowed} were in hand at faults"
    in_hand = {job for struck in evidence.struck if struck.fault.interrupts for job in struck.in_hand}
    forgotten = {evidence.wanted[key] for key in evidence.forgotten() if key in evidence.wanted}
    yield from _some("ran twice, and was in hand at no fault", sorted(set(evidence.ran_again) - in_hand - forgotten))


def nothing_active(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """When all is done, no queue has an active job."""
    yield from _some("still active", evidence.active)


def no_unknown_keys(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """Every key of Redis is one we know, and ends when it should."""
    yield from _some("keys that should not be there", evidence.unknown_keys)
    if lane.kept_keys is not None and evidence.kept_keys > lane.kept_keys:
        yield f"{evidence.kept_keys} keys without an end were left behind"


def work_resumes(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """What was in hand at a fault is in the hands of somebody who lives again, in time."""
    for struck in evidence.struck:
        began = counts_from(struck)
        yield from _lateness(struck, began, struck.resumed, lane.resumed, evidence.struck, "its jobs were resumed")


def work_flows(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """After a fault a new message is answered soon."""
    for struck in evidence.struck:
        yield from _lateness(
            struck, struck.ended, struck.flowing, lane.flowing, evidence.struck, "a new message was answered"
        )


def processes_stop(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """Who is asked to stop does, with code 0."""
    for stopped in evidence.stopped:
        if stopped.code != 0:
            how = "did not stop" if stopped.code is None else f"ended with {stopped.code}"
            yield f"{stopped.process} {how} after SIGTERM"


def processes_live(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """Nobody gives up: nothing here lasts as long as a worker without progress is to have patience."""
    for ended in evidence.ended_by_themselves:
        yield f"{ended.process} ended by itself with {ended.code}"


def tasks_flat(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """A worker that has nothing to do has no more tasks than when it had never done anything."""
    for process, looks in evidence.warmth.items():
        if looks and looks[-1].tasks > evidence.idle_tasks + TASKS:
            yield f"{process} has {looks[-1].tasks} tasks at its end, and an idle worker has {evidence.idle_tasks}"


def memory_flat(evidence: Evidence, lane: Lane) -> Iterator[str]:
    """A worker that is warm does not grow."""
    for process, looks in evidence.warmth.items():
        warm = warm_looks(looks)
        if len(warm) < _FEW:
            continue
        if warm[-1].memory > warm[0].memory + MEMORY:
            yield f"{process} grew from {warm[0].memory:.0f} to {warm[-1].memory:.0f} MiB"
        if lane.memory_slope is None or len(evidence.wanted) < _ENOUGH:
            continue
        slope = memory_slope(warm, len(evidence.wanted) / len(evidence.warmth))
        if slope > lane.memory_slope:
            yield f"{process} grows by {slope:.3f} MiB for 1,000 jobs"


def warm_looks(looks: Sequence[Warmth]) -> Sequence[Warmth]:
    """Those of the second half: in the first it gets warm."""
    return looks[len(looks) // 2 :]


def memory_slope(warm: Sequence[Warmth], jobs: float) -> float:
    """MiB for 1,000 jobs, if these looks are the second half of a worker that had `jobs` jobs."""
    slope = linear_regression([look.at for look in warm], [look.memory for look in warm]).slope
    return slope * (warm[-1].at - warm[0].at) / max(jobs / 2, 1) * 1000


def seconds_taken(struck: Struck, since: int, recovered: int | None, all_struck: Iterable[Struck]) -> float:
    """How long it took from `since` on (ms), or from when the last other thing was whole again; inf when for ever."""
    if recovered is None:
        return inf
    whole = [other.ended for other in all_struck if other is not struck and other.ended <= recovered]
    return max(recovered - max([since, *whole]), 0) / 1000


def counts_from(struck: Struck) -> int:
    """Since when its jobs could be resumed (ms): at once where others take them over, else when it is whole again."""
    return struck.began if struck.fault.is_taken_over else struck.ended


def _lateness(
    struck: Struck, since: int, recovered: int | None, bound: float, all_struck: Iterable[Struck], what: str
) -> Iterator[str]:
    """Whether it took longer than `bound` seconds; while something else is broken, or recovers, time stands still."""
    deadline = since + bound * 1000
    for other in sorted(all_struck, key=lambda one: one.began):
        if other is not struck and other.began <= deadline:
            deadline = max(deadline, other.ended + bound * 1000)
    if recovered is None or recovered > deadline:
        took = "never" if recovered is None else f"{(recovered - deadline) / 1000:.1f} s too late"
        yield f"{struck.strike}: {what} {took}"


def _some(what: str, found: Sequence[str]) -> Iterator[str]:
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        yield f"{len(found)} {what}: {', '.join(found[:5])}{more}"

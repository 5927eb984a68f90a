"""Times as counts in fixed buckets, which any number of processes can add up, and percentiles out of them."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Final

#: Each bucket ends at √2 times the end of the one before, so its middle is off by a fifth at most. The first ends at
#: 1 ms, the last but one at 4 h 40 min, and the last takes all that is longer.
STEPS_PER_DOUBLING: Final = 2
BOUNDS: Final = tuple(0.001 * 2 ** (step / STEPS_PER_DOUBLING) for step in range(49))
BUCKETS: Final = len(BOUNDS) + 1
_TO_THE_MIDDLE: Final = 2 ** (-0.5 / STEPS_PER_DOUBLING)


#: The bucket that a time (s) falls into; what is below 0, since the clocks of two machines differ, is in the first.
#: No function of Python's own: it is called twice for every job.
bucket_of: Final[Callable[[float], int]] = partial(bisect_left, BOUNDS)


def mean(counts: Sequence[int]) -> float | None:
    """The mean time in seconds, off by a fifth at most; None when nothing was counted. counts: BUCKETS of them."""
    total = sum(counts)
    if not total:
        return None
    middles = (*(bound * _TO_THE_MIDDLE for bound in BOUNDS), BOUNDS[-1])
    return sum(count * middle for count, middle in zip(counts, middles, strict=True)) / total


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The time in seconds that this share of all did not exceed; None when nothing was counted.

    counts: BUCKETS of them. The answer is the middle of the bucket it is in.
    """
    total = sum(counts)
    if not total:
        return None
    bucket = next(number for number, up_to in enumerate(accumulate(counts)) if up_to >= share * total)
    return BOUNDS[-1] if bucket == len(BOUNDS) else BOUNDS[bucket] * _TO_THE_MIDDLE

"""Which organizations make the load: jobs that ended in the last hour, of the busiest by themselves."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Final

from oxyq.statistics.reading import Statistics

#: Organizations whose counts are read at the same time.
_AT_ONCE: Final = 50
OTHER: Final = "other"
"""All that are not among the busiest. No organization can be mistaken for it: see `busiest`."""


@dataclass(frozen=True, slots=True)
class OrganizationJobs:
    """Jobs of one organization that ended in the last hour."""

    completed: int
    failed: int
    retried: int

    @property
    def all(self) -> int:
        """All of them."""
        return self.completed + self.failed + self.retried


class BusiestOrganizations:
    """Reads what the workers counted of each; those that are not counted by themselves are in nobody's numbers."""

    def __init__(self, statistics: Statistics, most: int) -> None:
        self._statistics = statistics
        self._most = most

    async def look(self) -> dict[str, OrganizationJobs]:
        """The `most` busiest by id, and the sum of the rest as OTHER. Raises QueueUnavailable."""
        if not self._most:
            return {}
        ids = await self._statistics.counted_organizations()
        found = dict[str, OrganizationJobs]()
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            found |= dict(zip(some, await asyncio.gather(*map(self._jobs, some)), strict=True))
        return busiest(found, self._most)

    async def _jobs(self, organization_id: str) -> OrganizationJobs:
        series = await self._statistics.throughput(None, "1h", organization_id)
        return OrganizationJobs(series.total("completed"), series.total("failed"), series.total("retried"))


def busiest(jobs: dict[str, OrganizationJobs], most: int) -> dict[str, OrganizationJobs]:
    """The busiest `most`, and the rest as OTHER; an organization of that name is of the rest."""
    ranked = sorted((one for one in jobs if one != OTHER), key=lambda one: (-jobs[one].all, one))
    top = [one for one in ranked if jobs[one].all][:most]
    rest = Counter[str]()
    for name in jobs.keys() - set(top):
        rest.update(completed=jobs[name].completed, failed=jobs[name].failed, retried=jobs[name].retried)
    return {
        **{one: jobs[one] for one in top},
        OTHER: OrganizationJobs(rest["completed"], rest["failed"], rest["retried"]),
    }

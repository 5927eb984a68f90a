"""What somebody orders to be done to many jobs, as it is written on the wire."""

from typing import Literal

from pydantic import Field, JsonValue

from oxyq.operating.bulk.task import MOST_PER_SECOND
from oxyq.operating.job_tasks.selection import Selection


class JobOrder(Selection):
    """What to do, to which jobs of which queue, and how fast."""

    kind: Literal["retry", "promote", "bury", "remove"] = Field(
        description="retry: failed or completed ones run again. promote: delayed ones run now. bury: waiting or "
        "delayed ones go to the dead letters. remove: they are gone for good"
    )
    queue: str = Field(description="message, automation or campaign")
    per_second: int | None = Field(default=None, ge=1, le=MOST_PER_SECOND, description="at most so many a second")

    def selection(self) -> dict[str, JsonValue]:
        """Which jobs are meant, as a task keeps it."""
        chosen: dict[str, JsonValue] = {"state": self.state}
        if self.ids is not None:
            chosen["ids"] = list(self.ids)
        if self.filter is not None:
            chosen["filter"] = self.filter
        return chosen

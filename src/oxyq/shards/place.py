"""Where one organization is, and how far its move: as the list at home writes it."""

import re
from dataclasses import dataclass, replace
from typing import Final

_PLACE: Final = re.compile(r"(?P<shard>[a-z0-9-]+)(?:(?P<step>>>?)(?P<to>[a-z0-9-]+))?")


@dataclass(frozen=True, slots=True)
class Place:
    """`shard` has what counts of it. With `to` it is on its way there, and nothing is done for it meanwhile.

    Written `south`; `home>south` while it is copied, so that only what is at home counts; `home>>south` when all of it
    is at south, so that only that counts, and what is left at home is being removed.
    """

    shard: str
    to: str | None = None
    source: str | None = None

    @property
    def is_moving(self) -> bool:
        """Whether it is on its way, and nothing is done for it."""
        return self.to is not None or self.source is not None

    @property
    def text(self) -> str:
        """As it is written."""
        if self.to is not None:
            return f"{self.shard}>{self.to}"
        return self.shard if self.source is None else f"{self.source}>>{self.shard}"

    def leaving(self, to: str) -> "Place":
        """On its way to another shard."""
        return replace(self, to=to)

    def copied(self) -> "Place":
        """All of it is where it goes to."""
        return Place(self.to or self.shard, source=self.shard)


def read_place(text: str) -> Place:
    """The place that is written so; raises ValueError."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:60]!r} is no place of an organization")
    shard, step, to = found["shard"], found["step"], found["to"]
    return Place(to, source=shard) if step == ">>" else Place(shard, to)

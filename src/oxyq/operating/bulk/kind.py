"""What a kind of bulk task has to say: which items are meant, and what is done to one chunk of them."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from oxyq.operating.bulk.task import Tally, TaskOrder


class Kind(Protocol):
    """One kind of task, registered by its name in app.py.

    Everything may be done again harmlessly: a process may die after it touched items and before it wrote that down.
    """

    @property
    def name(self) -> str:
        """The word by which it is ordered, such as "retry"."""

    @property
    def newest_first(self) -> bool:
        """Whether what `items` gives first is to be done first, and not last."""

    def check(self, order: TaskOrder) -> None:
        """Raise InvalidPayload, naming the field, for an order that cannot be understood."""

    def items(self, order: TaskOrder) -> AsyncIterator[Sequence[str]]:
        """The ids of what is meant, in pages of at most 1,000, newest first; empty pages only tell of life.

        Read from the end at which nothing leaves: then whatever happens meanwhile, no item is missed. Nothing is
        touched. A page must come within the lease of 20 s.
        """

    async def apply(self, order: TaskOrder, ids: Sequence[str]) -> Tally:
        """Do it to some of them (at most 200) within the lease of 20 s; every id is in one of the tally's numbers."""

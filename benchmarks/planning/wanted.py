"""What an installation shall do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Kind of message -> the queue that it goes through.
QUEUE_OF: Final[Mapping[str, str]] = {
    "first_answer": "message", "answer": "message", "reminder": "automation", "campaign": "campaign",
}  # fmt: skip

#: Share of a day's messages in each hour: people write from breakfast to bedtime; campaigns go out in shop hours.
PEOPLE: Final = (1, 0.5, 0.3, 0.2, 0.3, 0.8, 2, 4, 6, 7, 7, 7, 6, 6, 6.5, 6.5, 6.5, 7, 7, 6.5, 5.5, 4, 2.5, 1.4)
SHOPS: Final = (0, 0, 0, 0, 0, 0, 0, 0, 4, 12, 13, 12, 7, 8, 10, 10, 9, 8, 5, 2, 0, 0, 0, 0)
CURVES: Final[Mapping[str, tuple[float, ...]]] = {
    "first_answer": PEOPLE, "answer": PEOPLE, "reminder": SHOPS, "campaign": SHOPS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """`messages_a_day` are answered, reminded or sent in campaigns, all counted.

    shares: of each kind. burst: how many come together on average (an organization's webhook, a batch of reminders).
    zipf: the n-th largest organization has 1/n^zipf of the largest's. gateway_seconds: how long a send takes.
    people: who write to an organization within the 30 days that chats are kept.
    """

    organizations: int
    messages_a_day: int
    shares: Mapping[str, float] = field(
        default_factory=lambda: {"first_answer": 0.03, "answer": 0.27, "reminder": 0.10, "campaign": 0.60}
    )
    burst: float = 3.0
    zipf: float = 0.8
    gateway_seconds: float = 0.3
    people: int = 2_000
    bridged_numbers_share: float = 0.5
    seed: int = 1

    def peak_rate(self, kind: str) -> float:
        """Messages of a kind a second in the busiest hour of all messages together."""
        hour = self.busiest_hour
        return self.messages_a_day * self.shares[kind] * CURVES[kind][hour] / sum(CURVES[kind]) / 3600

    @property
    def busiest_hour(self) -> int:
        """The hour in which most messages are due."""
        return max(range(24), key=self._in_hour)

    @property
    def peak_factor(self) -> float:
        """How much more the busiest hour has than the average one."""
        return self._in_hour(self.busiest_hour) * 24

    def _in_hour(self, hour: int) -> float:
        return sum(self.shares[kind] * CURVES[kind][hour] / sum(CURVES[kind]) for kind in self.shares)

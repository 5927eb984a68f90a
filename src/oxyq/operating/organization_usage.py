"""What an organization uses of what it may, and how it fares: a look at one moment."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from oxyq.contacts import ContactStore
from oxyq.dead_letters import Filter
from oxyq.operating.dead_letter_groups import DeadLetterGroups
from oxyq.organizations import Organization
from oxyq.pacing.usage import NumberUse, OrganizationUse, PacingUsage
from oxyq.replies.token_usage import TokenUsage
from oxyq.statistics.reading import Statistics


@dataclass(frozen=True, slots=True)
class Usage:
    """Limits and their use; tokens of language models since its midnight; who is out; what was given up.

    `done` and `failed` are its jobs of the last 24 hours, None where it is not counted by itself.
    """

    pacing: OrganizationUse
    tokens_today: int
    opted_out: int
    dead_letters: int
    dead_letters_are_complete: bool
    done: int | None
    failed: int | None

    @property
    def numbers(self) -> tuple[NumberUse, ...]:
        """The limits of each number that was asked for."""
        return self.pacing.numbers


class OrganizationUsage:
    """Looks at one organization; raises QueueUnavailable."""

    def __init__(
        self,
        pacing: PacingUsage,
        tokens: TokenUsage,
        contacts: ContactStore,
        dead_letters: DeadLetterGroups,
        statistics: Statistics,
    ) -> None:
        self._pacing = pacing
        self._tokens = tokens
        self._contacts = contacts
        self._dead_letters = dead_letters
        self._statistics = statistics

    async def of(self, organization: Organization, instance_ids: Sequence[str]) -> Usage:
        """How it stands now, with the limits of these numbers."""
        pacing, tokens, opted_out, groups, day = await asyncio.gather(
            self._pacing.of(organization, instance_ids),
            self._tokens.today(organization),
            self._contacts.out_count(organization.id),
            self._dead_letters.groups(Filter(organization_id=organization.id)),
            self._statistics.throughput(None, "24h", organization.id),
        )
        return Usage(
            pacing=pacing,
            tokens_today=tokens,
            opted_out=opted_out,
            dead_letters=sum(group.count for group in groups.groups),
            dead_letters_are_complete=groups.is_complete,
            done=day.total("completed") if day.is_counted else None,
            failed=day.total("failed") if day.is_counted else None,
        )

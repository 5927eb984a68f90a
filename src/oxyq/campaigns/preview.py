"""A look at a campaign before it exists: what some will read, who is left out and why, when it would be through."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from oxyq.campaigns.eta import Estimate, Pace, estimate
from oxyq.campaigns.rendering import render_for
from oxyq.contacts import ContactStore
from oxyq.errors import InvalidPayload
from oxyq.jobs import CampaignContent
from oxyq.masking import mask_number, mask_numbers_in, mask_text
from oxyq.numbers import canonical_number
from oxyq.organizations import Organization
from oxyq.sending_hours import zone_of

SHOWN: Final = 5
#: Left-out rows that are named one by one.
LISTED: Final = 20


class Shown(NamedTuple):
    """What one recipient would get: the text, and the parameters of the approved template, if there is one."""

    number: str
    text: str
    parameters: tuple[str, ...] = ()


@dataclass(slots=True)
class Preview:
    """What would happen: `texts` are those of the first, `left_out` the first (number as written, reason)."""

    texts: list[Shown] = field(default_factory=list)
    recipients: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    zones: dict[str, int] = field(default_factory=dict)
    estimate: Estimate | None = None


class Previewing:
    """Looks at rows as they come, as the planning would; nothing is written and nothing is sent."""

    def __init__(
        self, content: CampaignContent, organization: Organization, contacts: ContactStore, *, shown: int = SHOWN
    ) -> None:
        self._content = content
        self._organization = organization
        self._contacts = contacts
        self._shown = shown
        # As whole numbers: a third of what a million texts take.
        self._seen = set[int]()
        self._preview = Preview()

    async def add(self, rows: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Look at these (number as written, own variables); InvalidPayload where creating would raise it."""
        wanted = list[tuple[str, Shown]]()
        for written, variables in rows:
            try:
                number = canonical_number(written)
            except InvalidPayload as error:
                self._leave_out(written, "invalid", error.problem)
                render_for(self._content, written, written, variables)  # creating it would not take it either
                continue
            shown = Shown(number, *render_for(self._content, number, written, variables))
            if int(number) in self._seen:
                self._leave_out(written, "duplicate")
                continue
            self._seen.add(int(number))
            wanted.append((written, shown))
        out = await self._contacts.opted_out(self._organization.id, [shown.number for _, shown in wanted])
        for written, shown in wanted:
            if shown.number in out:
                self._leave_out(written, "opted_out")
                continue
            self._preview.recipients += 1
            zone = zone_of(shown.number, self._organization.time_zone)
            self._preview.zones[zone] = self._preview.zones.get(zone, 0) + 1
            if len(self._preview.texts) < self._shown:
                self._preview.texts.append(shown)

    def finish(self, pace: Pace, now_ms: int) -> Preview:
        """These were all; `pace` is what the number may send."""
        self._preview.estimate = expected(self._preview, self._content, self._organization, pace, now_ms)
        return self._preview

    def _leave_out(self, written: str, reason: str, detail: str = "") -> None:
        self._preview.skipped[reason] = self._preview.skipped.get(reason, 0) + 1
        if len(self._preview.left_out) < LISTED:
            self._preview.left_out.append((written, f"{reason}: {detail}" if detail else reason))


def expected(
    preview: Preview, content: CampaignContent, organization: Organization, pace: Pace, now_ms: int
) -> Estimate:
    """When it would be through, begun at its time or now; `pace` is what the number may send."""
    return estimate(
        max(content.start_at or now_ms, now_ms),
        preview.zones,
        pace,
        organization.sending_hours,
        time_zone=organization.time_zone,
        measured_per_second=0,
    )


def masked_preview(preview: Preview) -> Preview:
    """The same for those who need not know whom it is for, nor what each would read."""
    return replace(
        preview,
        texts=[
            Shown(mask_number(shown.number), mask_text(shown.text), tuple(map(mask_text, shown.parameters)))
            for shown in preview.texts
        ],
        left_out=[(mask_number(written), mask_numbers_in(reason)) for written, reason in preview.left_out],
    )

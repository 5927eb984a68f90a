"""Campaigns in people's words, their times by the organization's clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Final

from oxyq.cli.times import stamped, told

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.campaigns.eta import Estimate, Pace
    from oxyq.campaigns.preview import Preview
    from oxyq.outcomes import JsonValue

_COUNTS: Final = ("delivered", "read", "failed", "unconfirmed", "cancelled")
_EVENTS: Final = {
    "created": "createdAt", "starts": "startAt", "started": "startedAt", "paused": "pausedAt", "ended": "endedAt",
}  # fmt: skip
#: What changes all the time, although nothing happened.
_EXPECTED: Final = ("perMinute", "endsAt", "crossesQuietHoursAt")


@dataclass(frozen=True, slots=True)
class CampaignText:
    """One campaign as `CampaignOverview.of` told of it at `now_ms`, for people who live in `time_zone`."""

    overview: Mapping[str, JsonValue]
    time_zone: str
    now_ms: int

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.overview["state"] in ("completed", "cancelled")

    @property
    def news(self) -> dict[str, JsonValue]:
        """What differs when something happened."""
        return {name: value for name, value in self.overview.items() if name not in _EXPECTED}

    @property
    def created(self) -> str:
        """When it was made, for a list."""
        return stamped(self._number("createdAt") or 0, self.time_zone)

    def line(self) -> str:
        """How far it is: "sale_1 is running: 7,900 of 9,000 sent, 5 failed, 1,095 waiting for quiet hours until …"."""
        counts = {name: self._count(name) for name in _COUNTS} | {"skipped": sum(self._skipped().values())}
        said = [f"{self._count('sent'):,} of {self._count('recipients'):,} sent"]
        said += [f"{count:,} {name}" for name, count in counts.items() if count]
        if waiting := self._count("waiting"):
            why = self._waits()
            said.append(f"{waiting:,} waiting" + (f" for {why}" if why else ""))
        return f"{self.overview['campaignId']} is {self.overview['state']}: {', '.join(said)}"

    def facts(self) -> str:
        """All that there is to say, a line each."""
        skipped = self._skipped()
        values = {
            "campaign": self.overview["campaignId"],
            "state": self.overview["state"],
            "recipients": f"{self._count('recipients'):,}",
            "waiting": f"{self._count('waiting'):,}",
            "sent": f"{self._count('sent'):,} ({self._count('delivered'):,} delivered, {self._count('read'):,} read)",
            "failed": f"{self._count('failed'):,}",
            "unconfirmed": f"{self._count('unconfirmed'):,}",
            "skipped": f"{sum(skipped.values()):,}" + (f" ({_by_reason(skipped)})" if skipped else ""),
            "cancelled": f"{self._count('cancelled'):,}" if self._count("cancelled") else None,
            "waits for": self._waits(),
            "expected end": self._expected_end(),
            "quiet hours": self._quiet_hours(),
            **{event: self._told(name) for event, name in _EVENTS.items()},
            "times are in": self.time_zone,
        }
        return "\n".join(f"{name + ':':<14}{value}" for name, value in values.items() if value is not None)

    def _expected_end(self) -> str | None:
        state, ends = self.overview["state"], self._told("endsAt")
        if state == "running":
            return ends or "not known yet"
        return None if ends is None else f"{ends}, if it were resumed now"

    def _quiet_hours(self) -> str | None:
        crosses = self._told("crossesQuietHoursAt")
        return None if crosses is None else f"from {crosses}, for those who still wait then"

    def _waits(self) -> str | None:
        until = self._told("waitsUntil")
        return f"{self.overview['waitsFor']}{f' until {until}' if until else ''}" if self.overview["waitsFor"] else None

    def _skipped(self) -> dict[str, int]:
        skipped = self.overview["skipped"]
        counts = skipped.items() if isinstance(skipped, dict) else ()
        return {reason: count for reason, count in counts if isinstance(count, int)}

    def _told(self, name: str) -> str | None:
        at_ms = self._number(name)
        return None if at_ms is None else told(at_ms, self.time_zone, self.now_ms)

    def _count(self, name: str) -> int:
        return self._number(name) or 0

    def _number(self, name: str) -> int | None:
        value = self.overview[name]
        return value if isinstance(value, int) else None


def preview_text(preview: Preview, pace: Pace, time_zone: str, begins_ms: int, now_ms: int) -> str:
    """What would happen: how many would get it, the first texts, who is left out, and when it would be through."""
    return "\n".join(_preview_lines(preview, pace, time_zone, begins_ms, now_ms))


def _preview_lines(preview: Preview, pace: Pace, time_zone: str, begins_ms: int, now_ms: int) -> Iterator[str]:
    left_out = sum(preview.skipped.values())
    yield f"{preview.recipients:,} of {preview.recipients + left_out:,} recipients would get it" + (
        f"; left out: {_by_reason(preview.skipped)}" if left_out else ""
    )
    for number, text, parameters in preview.texts:
        yield f"\n{number}\n{indent(text, '  ')}"
        # As Meta writes the placeholders of a template that it approved.
        yield from (f"  {{{{{at}}}}} = {parameter}" for at, parameter in enumerate(parameters, 1))
    if left_out:
        yield f"\nleft out{f', the first {len(preview.left_out)}' if left_out > len(preview.left_out) else ''}"
    for written, reason in preview.left_out:
        yield f"  {written}  {reason.replace('_', ' ', 1)}"
    if preview.recipients and preview.estimate is not None:
        yield ""
        yield from _expectations(preview.estimate, pace, time_zone, begins_ms, now_ms)


def _expectations(estimate: Estimate, pace: Pace, time_zone: str, begins_ms: int, now_ms: int) -> Iterator[str]:
    yield f"It would begin {told(begins_ms, time_zone, now_ms) if begins_ms > now_ms else 'now'}."
    if estimate.waits == "quiet hours":
        yield "It is quiet hours for everybody then; the first messages go out when they end."
    elif estimate.crosses_quiet_hours_at_ms is not None:
        crosses = told(estimate.crosses_quiet_hours_at_ms, time_zone, now_ms)
        yield f"Quiet hours begin {crosses}; who still waits then gets it when they end."
    if estimate.waits == "daily budget":
        yield "That day's budget of the number is used up; the first messages go out on the next."
    if estimate.ends_at_ms is not None:
        yield f"It would be through {told(estimate.ends_at_ms, time_zone, now_ms)}."
    elif pace.per_second is None:
        yield "It would go out as fast as it can be sent: no limit is set for the number."
    else:
        yield "It would not be through within a year; look at the sending hours and the number's limits."
    yield f"Times are in {time_zone}."


def _by_reason(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in counts.items())

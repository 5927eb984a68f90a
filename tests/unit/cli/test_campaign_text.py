"""Campaigns in people's words."""

from typing import Any

import pytest

from oxyq.campaigns.eta import Estimate, Pace
from oxyq.campaigns.preview import Preview, Shown
from oxyq.cli.campaign_text import CampaignText, preview_text

ZONE = "America/Sao_Paulo"
#: A Tuesday, 12:00 there.
NOW = 1_795_532_400_000
HOUR = 3_600_000
COUNTS = {
    "recipients": 10_000, "waiting": 2095, "sent": 7800, "delivered": 7000, "read": 3000, "failed": 5,
    "unconfirmed": 0, "cancelled": 0, "skipped": {"invalid": 60, "opted_out": 40},
}  # fmt: skip
TIMES = dict.fromkeys(
    ("waitsFor", "waitsUntil", "endsAt", "crossesQuietHoursAt", "createdAt", "startAt", "startedAt", "pausedAt",
     "endedAt")
)  # fmt: skip


def text(state: str = "running", **changed: Any) -> CampaignText:
    overview = {"campaignId": "sale_1", "organizationId": "org_1", "state": state, **COUNTS, **TIMES, **changed}
    return CampaignText(overview, ZONE, NOW)


def test_one_line_says_how_far_it_is() -> None:
    line = text(waitsFor="daily budget", waitsUntil=NOW + 12 * HOUR).line()

    assert line == (
        "sale_1 is running: 7,800 of 10,000 sent, 7,000 delivered, 3,000 read, 5 failed, 100 skipped, "
        "2,095 waiting for daily budget until tomorrow 00:00"
    )


def test_the_facts_have_a_line_each_and_nothing_that_is_not_so() -> None:
    campaign = text(
        waitsFor="quiet hours", waitsUntil=NOW + 21 * HOUR, endsAt=NOW + 24 * HOUR, crossesQuietHoursAt=NOW,
        createdAt=NOW - HOUR, startedAt=NOW - HOUR,
    )  # fmt: skip

    assert campaign.facts().splitlines() == [
        "campaign:     sale_1",
        "state:        running",
        "recipients:   10,000",
        "waiting:      2,095",
        "sent:         7,800 (7,000 delivered, 3,000 read)",
        "failed:       5",
        "unconfirmed:  0",
        "skipped:      100 (60 invalid, 40 opted out)",
        "waits for:    quiet hours until tomorrow 09:00",
        "expected end: tomorrow 12:00",
        "quiet hours:  from today 12:00, for those who still wait then",
        "created:      today 11:00",
        "started:      today 11:00",
        "times are in: America/Sao_Paulo",
    ]


@pytest.mark.parametrize(
    ("state", "ends_ms", "told"),
    [
        ("running", None, "expected end: not known yet"),
        ("paused", NOW + HOUR, "expected end: today 13:00, if it were resumed now"),
        ("paused", None, None),
        ("planning", None, None),
        ("completed", None, None),
    ],
)
def test_the_end_is_told_as_far_as_it_can_be_known(state: str, ends_ms: int | None, told: str | None) -> None:
    found = [line for line in text(state, endsAt=ends_ms).facts().splitlines() if line.startswith("expected")]

    assert found == ([told] if told else [])


def test_what_is_expected_is_no_news() -> None:
    assert text(endsAt=NOW).news == text(endsAt=NOW + 1).news
    assert text(sent=1).news != text(sent=2).news
    assert [state for state in ("draft", "running", "paused", "completed", "cancelled") if text(state).has_ended] == [
        "completed",
        "cancelled",
    ]


def test_a_preview_shows_texts_reasons_and_when() -> None:
    preview = Preview(
        texts=[
            Shown("5511970000001", "Oi Ana!\nTudo bem?"),
            Shown("5511970000002", "Oi Bia!", ("Bia", "seu amigo")),
        ],
        recipients=1200,
        skipped={"invalid": 24, "opted_out": 1},
        left_out=[("123", "invalid: is too short"), ("11970000009", "opted_out")],
        estimate=Estimate(NOW + 24 * HOUR, "limit", NOW + 8 * HOUR),
    )

    assert preview_text(preview, Pace(1.0), ZONE, NOW, NOW).splitlines() == [
        "1,200 of 1,225 recipients would get it; left out: 24 invalid, 1 opted out",
        "",
        "5511970000001",
        "  Oi Ana!",
        "  Tudo bem?",
        "",
        "5511970000002",
        "  Oi Bia!",
        "  {{1}} = Bia",
        "  {{2}} = seu amigo",
        "",
        "left out, the first 2",
        "  123  invalid: is too short",
        "  11970000009  opted out",
        "",
        "It would begin now.",
        "Quiet hours begin today 20:00; who still waits then gets it when they end.",
        "It would be through tomorrow 12:00.",
        "Times are in America/Sao_Paulo.",
    ]


@pytest.mark.parametrize(
    ("estimate", "pace", "told"),
    [
        (Estimate(None, None, None), Pace(), "as fast as it can be sent"),
        (Estimate(None, "limit", None), Pace(1.0), "not be through within a year"),
        (Estimate(NOW + 30 * HOUR, "quiet hours", NOW), Pace(1.0), "quiet hours for everybody then"),
        (Estimate(NOW + 30 * HOUR, "daily budget", None), Pace(1.0, (0,)), "budget of the number is used up"),
    ],
    ids=["no limit", "never", "quiet hours", "daily budget"],
)
def test_a_preview_says_what_holds_it_up(estimate: Estimate, pace: Pace, told: str) -> None:
    seen = preview_text(Preview(recipients=1, estimate=estimate), pace, ZONE, NOW + HOUR, NOW)

    assert told in seen
    assert "It would begin today 13:00." in seen


def test_a_preview_for_nobody_promises_nothing() -> None:
    preview = Preview(skipped={"invalid": 1}, left_out=[("1", "invalid")], estimate=Estimate(NOW, None, None))

    assert "begin" not in preview_text(preview, Pace(), ZONE, NOW, NOW)

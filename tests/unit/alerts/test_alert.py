"""The life of an alert: told once when it begins, once when it is over, and never more often because it flaps."""

import pytest

from oxyq.alerts.alert import (
    CALM_MS,
    KEPT_MS,
    LONGEST_CALM_MS,
    Alert,
    after_telling,
    due,
    found,
    from_json,
    missed,
    to_json,
)
from oxyq.alerts.rules import RULES, Audience, Finding

MINUTE = 60_000
START = 1_800_000_000_000
REMIND = 4 * 60 * MINUTE


class Story:
    """Looks once a minute, and notes what each audience was told and in which minute."""

    def __init__(self, rule: str = "queue-late", subject: str = "message", organization_id: str | None = None) -> None:
        self.rule = RULES[rule]
        self.finding = Finding(subject, 400, 300, organization_id)
        self.alert: Alert | None = None
        self.minute = 0
        self.told: list[tuple[int, str, str]] = []

    def goes_on(self, minutes: int, *, holds: bool, hears: frozenset[Audience] = frozenset(("operator",))) -> None:
        for _ in range(minutes):
            now = START + self.minute * MINUTE
            if holds:
                self.alert = found(self.alert, self.rule, self.finding, now)
            elif self.alert is not None:
                self.alert = missed(self.alert, now)
            for audience in sorted(hears & self.rule.audiences):
                news = None if self.alert is None else due(self.alert, audience, now, REMIND)
                if news is not None and self.alert is not None:
                    self.alert = after_telling(self.alert, audience, news, now)
                    self.told.append((self.minute, audience, news))
            self.minute += 1

    @property
    def news(self) -> list[str]:
        return [news for _, _, news in self.told]


def test_it_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    story = Story()
    story.goes_on(30, holds=True)
    story.goes_on(30, holds=False)

    assert story.told == [(0, "operator", "firing"), (30 + CALM_MS // MINUTE, "operator", "resolved")]


def test_what_must_hold_for_a_while_is_pending_first_and_forgotten_when_it_does_not() -> None:
    story = Story("queue-stuck")
    story.goes_on(2, holds=True)
    assert story.alert is not None
    assert story.alert.state == "pending"

    story.goes_on(1, holds=False)
    assert story.told == []

    story.goes_on(3, holds=True)
    assert story.told == [(5, "operator", "firing")], "it began anew"


def test_a_short_calm_is_not_the_end() -> None:
    story = Story()
    story.goes_on(10, holds=True)
    story.goes_on(4, holds=False)
    story.goes_on(10, holds=True)

    assert story.news == ["firing"]


def test_while_nothing_changes_it_is_told_again_after_the_time_that_is_set() -> None:
    story = Story()
    story.goes_on(9 * 60, holds=True)

    assert [(minute, news) for minute, _, news in story.told] == [(0, "firing"), (240, "reminder"), (480, "reminder")]


def test_what_flaps_for_a_day_is_told_ever_more_rarely() -> None:
    """Six minutes well, six minutes ill, for a day: each return doubles the calm that ends it."""
    story = Story()
    for _ in range(120):
        story.goes_on(6, holds=True)
        story.goes_on(6, holds=False)

    assert story.news[:4] == ["firing", "resolved", "firing", "reminder"]
    assert len(story.told) <= 10


def test_the_calm_grows_up_to_an_hour() -> None:
    story = Story()
    for _ in range(12):
        story.goes_on(1, holds=True)
        story.goes_on(LONGEST_CALM_MS // MINUTE + 1, holds=False)
    story.goes_on(1, holds=True)
    story.goes_on(LONGEST_CALM_MS // MINUTE - 1, holds=False)

    assert story.alert is not None
    assert story.alert.state == "firing"


def test_what_is_over_is_forgotten_after_a_day() -> None:
    story = Story()
    story.goes_on(1, holds=True)
    story.goes_on((CALM_MS + KEPT_MS) // MINUTE + 1, holds=False)

    assert story.alert is None


def test_who_never_heard_that_it_began_is_not_told_that_it_is_over() -> None:
    story = Story()
    story.goes_on(10, holds=True, hears=frozenset())
    story.goes_on(30, holds=False)

    assert story.told == []


def test_an_owner_whose_only_number_was_away_is_told_when_it_is_back() -> None:
    story = Story("number-disconnected", "wa_1", "org_1")
    story.goes_on(10, holds=True, hears=frozenset())
    story.goes_on(30, holds=False, hears=frozenset(("owner", "operator")))

    assert [(audience, news) for _, audience, news in story.told] == [("owner", "resolved")]


def test_an_end_of_hours_ago_is_no_news() -> None:
    story = Story()
    story.goes_on(10, holds=True)
    story.goes_on(120, holds=False, hears=frozenset())  # silenced, or the webhook was away
    story.goes_on(10, holds=False)

    assert story.news == ["firing"]


def test_it_lies_in_redis_as_it_is() -> None:
    alert = found(None, RULES["number-disconnected"], Finding("wa/1 é", 400, 300, "org:1", START), START + 400_000)
    alert = after_telling(alert, "owner", "firing", START)

    assert from_json(to_json(alert)) == alert
    assert alert.id == "number-disconnected/org%3A1/wa%2F1%20%C3%A9"


NEWER = b'{"rule":"a-new-rule","subject":"","organization_id":null,"state":"firing","since_ms":1,"value":1,"limit":1}'


@pytest.mark.parametrize("written", [b"", b"[]", b"{}", NEWER])
def test_what_another_release_wrote_is_left_alone(written: bytes) -> None:
    assert from_json(written) is None

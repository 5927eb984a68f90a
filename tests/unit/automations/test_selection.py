"""Which automations are meant: by id, by a pair of their metadata, to one person or all."""

from typing import Any

import pytest

from oxyq.automations.selection import Selection, names_of
from oxyq.errors import InvalidPayload
from oxyq.jobs import Automation, parse_new

REMINDER: dict[str, Any] = {
    "automationId": "auto_1",
    "organizationId": "org_1",
    "type": "reminder",
    "recipientNumber": "5511999990001",
    "content": "Lembrete",
    "metadata": {"bookingId": "booking_1", "visit": 7, "isFirst": True, "pets": ["Rex"], "note": None},
}


def fits(selection: dict[str, Any], **changed: Any) -> bool:
    """Whether the reminder, changed so, is meant; by its marks too, which must say the same."""
    selected, automation = parse_new(Selection, selection), parse_new(Automation, {**REMINDER, **changed})
    assert selected.fits(automation) == (selected.name() in names_of(automation))
    return selected.fits(automation)


@pytest.mark.parametrize(
    "selection",
    [
        {"automationId": "auto_1"},
        {"metadata": {"bookingId": "booking_1"}},
        {"metadata": {"visit": 7}},
        {"metadata": {"visit": "7"}},
        {"metadata": {"visit": 7.0}},
        {"metadata": {"isFirst": True}},
        {"metadata": {"isFirst": "true"}},
        {"automationId": "auto_1", "recipientNumber": "5511999990001"},
        {"automationId": "auto_1", "recipientNumber": "+55 (11) 9999-0001"},
        {"automationId": "auto_1", "metadata": {"bookingId": "booking_1"}, "recipientNumber": "5511999990001"},
    ],
    ids=str,
)
def test_all_that_is_given_fits(selection: dict[str, Any]) -> None:
    assert fits(selection)


@pytest.mark.parametrize(
    "selection",
    [
        {"automationId": "auto_2"},
        {"metadata": {"bookingId": "booking_2"}},
        {"metadata": {"booking": "booking_1"}},
        {"metadata": {"visit": 7.5}},
        {"automationId": "auto_1", "recipientNumber": "5511999990002"},
        {"automationId": "auto_1", "metadata": {"bookingId": "booking_2"}},
        {"automationId": "auto_2", "metadata": {"bookingId": "booking_1"}},
        {"metadata": {"bookingId": "booking_1"}, "recipientNumber": "5511999990002"},
        # A name and a value are not the same as a longer name.
        {"metadata": {"bookingIdbooking_1": ""}},
    ],
    ids=str,
)
def test_what_fits_in_part_is_not_meant(selection: dict[str, Any]) -> None:
    assert not fits(selection)


def test_a_person_is_one_with_and_without_the_ninth_digit() -> None:
    assert fits({"automationId": "auto_1", "recipientNumber": "5511999990001"}, recipientNumber="551199990001")


def test_an_automation_without_metadata_is_meant_by_its_id_only() -> None:
    assert fits({"automationId": "auto_1"}, metadata=None)
    assert not fits({"metadata": {"bookingId": "booking_1"}}, metadata=None)


@pytest.mark.parametrize(
    ("selection", "field", "problem"),
    [
        ({}, "automationId", "is missing; give it, or one pair of the metadata, or both"),
        ({"recipientNumber": "5511999990001"}, "automationId", "is missing"),
        ({"metadata": {}}, "metadata", "must hold one name and its value"),
        ({"metadata": {"a": "1", "b": "2"}}, "metadata", "must hold one name and its value"),
        ({"metadata": {"a": ["1"]}}, "metadata", "must have text, a number or true or false"),
        ({"metadata": {"a": None}}, "metadata", "must have text, a number or true or false"),
        ({"metadata": "a=1"}, "metadata", "must be an object"),
        ({"automationId": ""}, "automationId", "must not be blank"),
        ({"automationId": "a", "recipientNumber": "x"}, "recipientNumber", "has other characters"),
        ({"automation": "a"}, "automation", "did you mean automationId?"),
    ],
    ids=str,
)
def test_what_means_nothing_or_too_much_is_refused(selection: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        parse_new(Selection, selection)

    assert refused.value.field == field
    assert problem in refused.value.problem

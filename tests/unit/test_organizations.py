"""One validated model for a tenant."""

from typing import Any

import pydantic
import pytest

from oxyq.errors import InvalidPayload
from oxyq.jobs import parse_new, wire
from oxyq.organizations import DEFAULT_HAND_OFF, Organization, demo_organization

SHOP: dict[str, Any] = {
    "id": "org_1",
    "name": "Pet Shop",
    "timeZone": "America/Manaus",
    "owners": ["5511988880000"],
    "instances": ["wa_1"],
    "faq": [{"questions": ["aceita pix"], "answer": "Sim!"}],
    "handOff": "Um instante",
    "numbers": {},
    "weight": 1,
    "conversation": {
        "quietSeconds": 0.5,
        "longestWaitSeconds": 8.0,
        "staleMinutes": 15,
        "personMinutes": 30,
        "historyMessages": 40,
        "historyDays": 30,
    },
    "rules": [{"messages": ["menu"], "words": [], "replyIds": [], "answer": "1 Banho", "handsOff": False}],
}


def test_an_organization_is_camel_case_json_and_back() -> None:
    assert wire(parse_new(Organization, SHOP)) == SHOP


def test_only_id_and_name_are_needed() -> None:
    shop = parse_new(Organization, id="org_1", name="Pet Shop")

    assert shop.time_zone == "America/Sao_Paulo"
    assert (shop.owners, shop.instances, shop.faq, shop.hand_off) == ([], [], [], DEFAULT_HAND_OFF)


def test_an_organization_cannot_be_changed() -> None:
    with pytest.raises(pydantic.ValidationError):
        demo_organization().name = "other"  # type: ignore[misc]


def test_owners_are_kept_as_digits() -> None:
    shop = parse_new(Organization, {**SHOP, "owners": ["+55 (11) 98888-0000", "5511988880000@c.us"]})

    assert shop.owners == ["5511988880000", "5511988880000"]


@pytest.mark.parametrize(
    ("changed", "value", "field", "problem"),
    [
        ("id", "", "id", "must not be blank"),
        ("id", 5, "id", 'write "5" instead of 5'),
        ("name", " ", "name", "must not be blank"),
        ("timeZone", "America/Sao_Paolo", "timeZone", "did you mean America/Sao_Paulo?"),
        ("timeZone", "", "timeZone", "use a name such as America/Sao_Paulo"),
        ("timeZone", "../../etc/passwd", "timeZone", "is no time zone"),
        ("timeZone", "America", "timeZone", "is no time zone"),
        ("timeZone", "x" * 10_000, "timeZone", "is no time zone"),
        ("timeZone", "a\0b", "timeZone", "is no time zone"),
        ("timeZone", "\ud83d", "timeZone", "is no time zone"),
        ("timeZone", None, "timeZone", "must be text, not null"),
        ("owners", "5511988880000", "owners", "must be a list, not text"),
        ("owners", ["5511988880000", "abc"], "owners[1]", "other characters than digits"),
        ("owners", [5511988880000], "owners[0]", 'write "5511988880000"'),
        ("instances", ["a\nb"], "instances[0]", "control characters"),
        ("faq", {"pix": "Sim"}, "faq", "must be a list, not an object"),
        ("faq", [{"questions": [], "answer": "Sim"}], "faq[0].questions", "must not be empty"),
        ("faq", [{"questions": ["pix"], "answer": ""}], "faq[0].answer", "must not be blank"),
        ("faq", [{"questions": ["pix"]}], "faq[0].answer", "is missing; give what to answer"),
        ("faq", [{"question": ["pix"], "answer": "a"}], "faq[0].questions", "is missing; give a list of ways"),
        ("faq", ["pix"], "faq[0]", "must be an object with fields, not text"),
        ("handOff", "x" * 4097, "handOff", "at most 4096"),
        ("timezone", "UTC", "timezone", "did you mean timeZone?"),
    ],
)
def test_a_bad_organization_is_refused_with_the_field_and_a_fix(
    changed: str, value: object, field: str, problem: str
) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse_new(Organization, {**SHOP, changed: value})

    assert caught.value.field == field
    assert problem in caught.value.problem


def test_a_misspelt_field_of_a_faq_entry_is_compared_with_those_of_an_entry() -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse_new(Organization, {**SHOP, "faq": [{"questions": ["pix"], "answer": "a", "answr": "b"}]})

    assert caught.value.problems == (("faq[0].answr", "is not a known field; did you mean answer?"),)


@pytest.mark.parametrize(
    ("owner", "written", "is_owner"),
    [
        ("5511988880000", "5511988880000", True),
        ("5511988880000", "5511988880000:3@s.whatsapp.net", True),
        ("5511988880000", "551188880000", True),
        ("551188880000", "5511988880000", True),
        ("5511988880000", "5511988880001", False),
        ("551133334444", "551133334444", True),
        ("551133334444", "5511933334444", False),
        ("5511933334444", "551133334444", False),
        ("16505551234", "16505551234", True),
        ("5511988880000", "not a number", False),
        ("5511988880000", "", False),
    ],
)
def test_an_owner_is_known_with_and_without_the_ninth_digit(owner: str, written: str, is_owner: bool) -> None:
    """But a landline never gets one: it may belong to somebody else."""
    shop = parse_new(Organization, {**SHOP, "owners": [owner]})

    assert shop.is_owner(written) is is_owner


def test_the_demo_shop_is_what_the_story_needs() -> None:
    shop = demo_organization()

    assert (shop.id, shop.instances) == ("org_demo", ["wa_demo"])
    assert shop.is_owner("5511988880000")
    assert len(shop.faq) >= 8
    assert parse_new(Organization, wire(shop)) == shop

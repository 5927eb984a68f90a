"""Whom a job is about, whoever made it."""

import pytest

from oxyq.outcomes import JsonValue
from oxyq.privacy.job_contents import is_about, other_addresses, subject_of, without
from oxyq.privacy.person import ERASED, Person

ANA = Person(["5511987654321"])
OTHER = "5511912345678"


@pytest.mark.parametrize(
    "data",
    [
        {"from": "551187654321@c.us", "content": "Oi"},
        {"recipientNumber": "5511987654321"},
        {"to": 5511987654321},
        {"from": "120363@g.us", "participant": "5511987654321@s.whatsapp.net"},
        {"recipients": ["(11) 98765-4321", {"number": "551187654321"}]},
        {"originalQueue": "message", "data": {"from": "5511987654321"}},
    ],
)
def test_it_is_about_them(data: JsonValue) -> None:
    assert is_about(ANA, data)


@pytest.mark.parametrize(
    "data",
    [
        None,
        "5511987654321",
        {"from": OTHER, "content": "ligue para 5511987654321"},
        {"recipients": [OTHER, "5511987654321"]},
        {"recipients": []},
        {"data": {"content": "5511987654321"}},
    ],
)
def test_a_mention_is_not_enough(data: JsonValue) -> None:
    assert not is_about(ANA, data)


def test_of_a_list_only_their_entries_go_and_their_number_everywhere() -> None:
    rows: list[JsonValue] = [OTHER, "551187654321", {"number": "+5511987654321", "variables": {"n": "Ana"}}]
    data: JsonValue = {"campaignId": "vip-5511987654321", "template": "11 98765-4321", "data": {"recipients": rows}}

    assert without(ANA, data) == {
        "campaignId": "vip-5511987654321",  # its other jobs must find it
        "template": ERASED,
        "data": {"recipients": [OTHER]},
    }


def test_a_message_tells_other_addresses_of_who_wrote_it() -> None:
    message: JsonValue = {"from": "5511987654321@c.us", "lid": "271828182845904@lid", "bsuid": "nonsense id"}

    assert list(other_addresses(ANA, message)) == ["5511987654321", "271828182845904@lid"]
    assert list(other_addresses(ANA, {"from": OTHER, "lid": "1234567@lid"})) == []


def test_a_notice_to_an_owner_names_the_job_it_is_about() -> None:
    assert subject_of({"automationId": "hand-over msg-1"}) == "msg-1"
    assert subject_of({"data": {"automationId": "hand-over msg-1"}}) == "msg-1"
    assert subject_of({"automationId": "hand-made"}) is None

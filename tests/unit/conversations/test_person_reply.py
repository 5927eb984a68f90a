"""What a person writes is a job of the message queue, told from customers' messages by its kind."""

import pytest

from oxyq.errors import InvalidPayload
from oxyq.jobs import InboundMessage, PersonReply, decode, wire
from oxyq.outcomes import JsonValue

REPLY = PersonReply(
    reply_id="r1", organization_id="org", instance_id="wa_1", recipient="5511999990001", text="Oi!", by="paula"
)


def test_it_is_read_back_as_what_it_is() -> None:
    assert decode("message", wire(REPLY)) == REPLY
    inbound: JsonValue = {
        "organizationId": "org", "instanceId": "wa_1", "from": "5511999990001@c.us", "content": "oi",
        "messageId": "m", "timestamp": 1_795_377_084_000,
    }  # fmt: skip
    assert isinstance(decode("message", inbound), InboundMessage)


@pytest.mark.parametrize("change", [{"reply_id": "r2"}, {"recipient": "5511999990002"}, {"instance_id": "wa_2"}])
def test_its_id_is_made_of_where_it_goes_and_the_callers_id(change: dict[str, str]) -> None:
    other = REPLY.model_copy(update=change)

    assert other.job_id() != REPLY.job_id()
    assert REPLY.model_copy(update={"text": "Outra"}).job_id() == REPLY.job_id()
    assert REPLY.message_key().startswith(REPLY.job_id())


@pytest.mark.parametrize("field", ["text", "by", "recipient", "replyId"])
def test_what_is_missing_is_named(field: str) -> None:
    broken = {name: value for name, value in wire(REPLY).items() if name != field}

    with pytest.raises(InvalidPayload) as refused:
        decode("message", broken)
    assert refused.value.field == field

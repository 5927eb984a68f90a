"""What is answered together, and when."""

import pytest

from oxyq.answering import ConversationSettings
from oxyq.conversations import turns
from oxyq.conversations.entry import Answer, Entry, Turn, digest
from oxyq.conversations.identity import addresses
from oxyq.errors import InvalidPayload
from oxyq.jobs import InboundMessage

NOW = 1_795_377_084_000
SETTINGS = ConversationSettings(quiet_seconds=1.5, longest_wait_seconds=8, stale_minutes=15)


def entry(text: str, *, after_ms: int = 0) -> Entry:
    """A message that was written, and came in, so long after NOW."""
    at = NOW + after_ms
    return Entry(
        job_id="msg-1", digest=f"d-{text}", sender="5511999990001", text=text, at=at, added_at=at, message_id="m"
    )


@pytest.mark.parametrize(
    ("texts", "together"),
    [
        (["oi", "tudo bem?", "abre amanhã?"], 3),
        (["oi", "sair", "obrigada"], 1),
        (["SAIR!", "obrigada"], 1),
        (["que horas posso sair?", "hoje"], 2),
    ],
)
def test_a_burst_is_answered_together_and_a_command_by_itself(texts: list[str], together: int) -> None:
    found = turns.batch([entry(text) for text in texts], is_owner=False)

    assert [one.text for one in found] == texts[:together]


def test_an_owners_messages_are_orders_each_by_itself() -> None:
    assert [one.text for one in turns.batch([entry("status"), entry("campanhas")], is_owner=True)] == ["status"]


def test_an_owners_cancelar_is_an_order_and_a_customers_perhaps_a_wish() -> None:
    assert turns.wish("cancelar", is_owner=False) == "perhaps_out"
    assert turns.wish("cancelar", is_owner=True) is None
    assert turns.wish("sair", is_owner=True) == "out"


def test_a_burst_is_due_after_a_quiet_while_and_never_later_than_its_first_message_may_wait() -> None:
    assert turns.due_ms([entry("oi")], NOW, SETTINGS) == NOW + 1_500
    assert turns.due_ms([entry("oi"), entry("e", after_ms=1_000)], NOW, SETTINGS) == NOW + 2_500
    assert turns.due_ms([entry("oi"), entry("e", after_ms=7_900)], NOW, SETTINGS) == NOW + 8_000


def test_the_newest_message_says_whether_a_turn_is_stale() -> None:
    quarter = 15 * 60_000
    old, new = entry("ontem", after_ms=-quarter - 1), entry("agora")

    assert turns.is_stale([old], SETTINGS, NOW)
    assert not turns.is_stale([old, new], SETTINGS, NOW)
    assert not turns.is_stale([entry("quase", after_ms=-quarter)], SETTINGS, NOW)


def test_an_answer_that_is_kept_is_for_the_messages_it_was_made_for() -> None:
    """One that came in later, and sorts before them, is not among them."""
    answer = Answer(text="Sim!", route="faq", digests=["d-b"], key="msg-1/0")
    turn = Turn((entry("a"), entry("b")), (), 0, answer, NOW, 0, 0, 0)

    assert [one.text for one in turns.answered(turn)] == ["b"]


def test_who_never_stops_writing_wears_a_turn_out() -> None:
    assert [Turn((), (), 0, None, NOW, 0, 0, times).is_worn for times in range(4)] == [False, False, False, True]


def test_a_message_from_the_future_was_written_now_at_the_latest() -> None:
    ahead = InboundMessage(
        organization_id="org_1", instance_id="wa_1", sender="5511999990001", content="oi", message_id="m", timestamp=NOW
    )

    assert Entry.of(ahead, NOW - 5, NOW - 1).at == NOW - 1
    assert Entry.of(ahead, NOW - 5, NOW + 1).at == NOW


def test_the_same_message_is_known_by_its_id_and_in_a_group_by_who_wrote_it() -> None:
    def message(**more: object) -> InboundMessage:
        return InboundMessage.model_validate(
            {
                "organizationId": "org_1", "instanceId": "wa_1", "from": "5511999990001", "content": "oi",
                "messageId": "m-1", "timestamp": NOW, **more,
            }
        )  # fmt: skip

    assert digest(message()) == digest(message(content="oi de novo"))
    assert len({digest(message()), digest(message(messageId="m-2")), digest(message(participant="5511"))}) == 3


def test_a_person_is_known_by_the_number_first_with_its_ninth_digit_and_once() -> None:
    assert addresses("70001@lid", "551199990001", None, "5511999990001@c.us") == ["5511999990001", "70001@lid"]
    assert addresses("BR.1349", None) == ["BR.1349"]
    with pytest.raises(InvalidPayload):
        addresses("nobody")

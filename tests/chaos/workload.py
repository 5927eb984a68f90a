"""What a run asks for: customers who write, reminders and campaigns, in the order in which they come. Pure data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from oxyq.jobs import Automation, InboundMessage, parse_new, send_job_id
from oxyq.outcomes import JsonValue
from oxyq.sending.message_keys import automation_key, turn_key

ORGANIZATION: Final = "org_chaos"
INSTANCE: Final = "wa_chaos"
#: Who asks whether work goes on; an organization of its own, so that no backlog stands before it.
PROBE_ORGANIZATION: Final = "org_probe"
PROBE_INSTANCE: Final = "wa_probe"

Kind: TypeAlias = Literal["answer", "reminder", "campaign", "cancel"]
#: Of ten messages, how many are answers, reminders, and recipients of campaigns.
ANSWERS, REMINDERS, RECIPIENTS = 4, 3, 3
CAMPAIGNS: Final = 3
#: The last campaign is cancelled so many seconds after it was handed in.
CANCEL_SECONDS: Final = 2.0
#: Reminders are for now, or for up to so much later.
LATEST_REMINDER_MS: Final = 1_500
_QUEUES: Final[Mapping[Kind, str]] = {
    "answer": "message", "reminder": "automation", "campaign": "campaign", "cancel": "campaign"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """One thing that is asked for, `second` seconds into the run; the same facts however often it is repeated."""

    name: str
    kind: Kind
    second: float
    body: dict[str, JsonValue]
    recipients: tuple[str, ...]
    delay_ms: int = 0

    @property
    def queue(self) -> str:
        """Where the jobs of its messages go."""
        return _QUEUES[self.kind]

    def message_keys(self) -> dict[str, str]:
        """Each message that is to go out because of it: key in the ledger -> recipient."""
        return {self._message_key(recipient): recipient for recipient in self.recipients}

    def _message_key(self, recipient: str) -> str:
        if self.kind == "answer":
            return turn_key(parse_new(InboundMessage, self.body).job_id(), 0)
        if self.kind == "reminder":
            automation = parse_new(Automation, self.body)
            return automation_key(automation, automation.job_id(), is_scheduled_run=False)
        return f"{send_job_id(ORGANIZATION, self.name, recipient)}/0"


def orders(jobs: int, seconds: float, began_ms: int) -> list[Order]:
    """`jobs` messages to send, asked for within `seconds`; `began_ms` is when the run began, in ms since 1970."""
    singles = jobs * (ANSWERS + REMINDERS) // 10
    made = [_single(number, number / max(singles, 1) * seconds, began_ms) for number in range(singles)]
    made += _campaigns(jobs - singles, seconds)
    return sorted(made, key=lambda order: order.second)


def _single(number: int, second: float, began_ms: int) -> Order:
    if number % (ANSWERS + REMINDERS) < ANSWERS:
        sender = _number(7, number)
        body: dict[str, JsonValue] = {
            "organizationId": ORGANIZATION, "instanceId": INSTANCE, "from": sender, "content": "qual o preço do banho?",
            "messageId": f"chaos-{number}", "timestamp": began_ms + int(second * 1000),
        }  # fmt: skip
        return Order(f"answer {number}", "answer", second, body, (sender,))
    recipient = _number(8, number)
    body = {
        "automationId": f"chaos-{number}", "organizationId": ORGANIZATION, "type": "reminder", "instanceId": INSTANCE,
        "recipientNumber": recipient, "content": "Lembrete: consulta amanhã às 10h",
    }  # fmt: skip
    return Order(f"reminder {number}", "reminder", second, body, (recipient,), number * 997 % LATEST_REMINDER_MS)


def _campaigns(recipients: int, seconds: float) -> Iterator[Order]:
    each = recipients // CAMPAIGNS
    for place in range(CAMPAIGNS if each else 0):
        name, second = f"campaign {place}", seconds * (2 * place + 1) / (2 * CAMPAIGNS + 1)
        numbers = tuple(_number(9, place * each + one) for one in range(each))
        body: dict[str, JsonValue] = {
            "campaignId": name, "organizationId": ORGANIZATION, "instanceId": INSTANCE,
            "template": "Promoção de banho!", "recipients": list(numbers),
        }  # fmt: skip
        yield Order(name, "campaign", second, body, numbers)
        if place == CAMPAIGNS - 1:
            yield Order(f"cancel {name}", "cancel", second + CANCEL_SECONDS, {"campaignId": name}, ())


def _number(kind: int, number: int) -> str:
    """A Brazilian mobile number that nobody else of the run has."""
    return f"55119{kind}{number:07}"

"""A WhatsApp that is only a file: it writes down what it received, and fails where a number asks for it.

The last four digits of the recipient decide, in all processes that share the log:

====  ==============================================================================
9901  never gets through: NotSent, every time
9902  not on WhatsApp: NeverWill
9903  received, but the reply is lost: it is in the log, and the sender sees MaybeSent
9904  slow: takes `slow_seconds` (2 s), then all is well
9905  fails on the first attempt of each key (NotSent), then all is well
9906  asks its number to slow down once for each key (SlowDown, 1 s), then all is well
9907  the same for this recipient only: scope pair
9908  the same for campaigns of its number only: scope campaign
====  ==============================================================================
"""

import asyncio
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from oxyq.gateways.base import (
    BadSignature,
    Capability,
    InstanceState,
    MaybeSent,
    NeverWill,
    NotSent,
    Resolved,
    Scope,
    SlowDown,
)
from oxyq.gateways.news import News
from oxyq.gateways.outbound import Outbound, OutboundMedia, Receipt
from oxyq.jobs import InboundMessage, parse_new, wire
from oxyq.numbers import sender_address
from oxyq.outcomes import JsonValue

NEVER_GETS_THROUGH: Final = "9901"
NOT_ON_WHATSAPP: Final = "9902"
LOSES_THE_REPLY: Final = "9903"
SLOW: Final = "9904"
FAILS_FIRST: Final = "9905"
ASKS_TO_SLOW_DOWN: Final = "9906"
ASKS_TO_SPARE_A_PERSON: Final = "9907"
ASKS_TO_SLOW_CAMPAIGNS: Final = "9908"

#: What is to slow down, by the ending that asks for it.
_SCOPES: Final[Mapping[str, Scope]] = {
    ASKS_TO_SLOW_DOWN: "number",
    ASKS_TO_SPARE_A_PERSON: "pair",
    ASKS_TO_SLOW_CAMPAIGNS: "campaign",
}
SLOW_DOWN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Received:
    """One message as "WhatsApp" received it; `at_ms` in ms since 1970."""

    at_ms: int
    key: str
    organization_id: str
    instance_id: str | None
    to: str
    text: str
    provider_id: str


class SimulatorGateway:
    """A gateway that appends each message to `log_path`; several processes may share the file.

    `latency_seconds` is how long each send takes before the message is received.
    """

    name: Final = "simulator"
    capabilities: Final[frozenset[Capability]] = frozenset({"text", "media", "templates", "typing", "read", "resolve"})

    def __init__(self, log_path: Path, *, latency_seconds: float = 0.0, slow_seconds: float = 2.0) -> None:
        self._log_path = log_path
        self._latency_seconds = latency_seconds
        self._slow_seconds = slow_seconds
        self._log: int | None = None

    async def send(self, message: Outbound) -> Receipt:
        """Write one message to the log, or fail as the recipient's last digits ask for."""
        ending = _checked_number(message.recipient)[-4:]
        await asyncio.sleep(self._slow_seconds if ending == SLOW else self._latency_seconds)
        try:
            self._refuse(ending, message.key)
            receipt = self._receive(message)
        except OSError as error:
            raise NotSent(f"{message.key}: the log cannot be written: {error.strerror}") from error
        if ending == LOSES_THE_REPLY:
            raise MaybeSent(f"{message.key}: the reply was lost after the message went out")
        return receipt

    async def close(self) -> None:
        """Close the log; the next send would open it again."""
        log, self._log = self._log, None
        if log is not None:
            os.close(log)

    def _refuse(self, ending: str, key: str) -> None:
        if ending == NEVER_GETS_THROUGH:
            raise NotSent(f"{key}: the connection was refused")
        if ending == NOT_ON_WHATSAPP:
            raise NeverWill(f"{key}: the number is not on WhatsApp")
        if ending == FAILS_FIRST and self._is_first_time(key):
            raise NotSent(f"{key}: the connection was refused, this once")
        if ending in _SCOPES and self._is_first_time(key):
            raise SlowDown(f"{key}: too many messages", retry_after_seconds=SLOW_DOWN_SECONDS, scope=_SCOPES[ending])

    def _is_first_time(self, key: str) -> bool:
        # A file that can be created only once is a memory that all processes share.
        seen = self._log_path.with_name(f"{self._log_path.name}.seen")
        seen.mkdir(parents=True, exist_ok=True)
        try:
            (seen / blake2b(key.encode(), digest_size=16).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    async def typing(self, instance_id: str, recipient: str, *, answering: str | None = None) -> None:
        """Nobody sees it."""

    async def mark_read(self, instance_id: str, sender: str, message_ids: Sequence[str]) -> None:
        """Nobody sees it."""

    async def resolve(self, instance_id: str, numbers: Sequence[str]) -> list[Resolved]:
        """All are there, but those that end in 9902."""
        found = [(number, not number.endswith(NOT_ON_WHATSAPP)) for number in numbers]
        return [Resolved(number, exists, number if exists else None) for number, exists in found]

    async def state(self, instance_id: str) -> InstanceState:
        """Always connected."""
        return InstanceState("open", "simulated")

    def provider_id(self, message: Outbound) -> str | None:
        """Made up when it is received."""
        return None

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """It has none."""
        raise BadSignature("the simulator has no webhook")

    def parse_webhook(self, raw: bytes) -> News:
        """It has none."""
        return News()

    def _receive(self, message: Outbound) -> Receipt:
        provider_id = f"sim-{uuid.uuid4().hex}"
        record = {
            "at": time.time_ns() // 1_000_000,
            "key": message.key,
            "organizationId": message.organization_id,
            "instanceId": message.instance_id,
            "to": message.recipient,
            "text": _text(message),
            "providerId": provider_id,
        }
        # One write to a file opened for appending: lines of several processes never mix.
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        if os.write(self._opened_log(), line) != len(line):
            raise MaybeSent(f"{message.key}: the log took only a part of it; is the disk full?")
        return Receipt(provider_id)

    def _opened_log(self) -> int:
        if self._log is None:
            self._log_path.parent.mkdir(parents=True, exist_ok=True)
            # For the owner alone: it holds what people wrote.
            self._log = os.open(self._log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return self._log


def _text(message: Outbound) -> str:
    return message.caption or f"[{message.kind}] {message.url}" if isinstance(message, OutboundMedia) else message.text


def _checked_number(recipient: str) -> str:
    try:
        return sender_address(recipient)
    except ValueError as error:
        raise NeverWill(f"the number {error}") from error


def read_log(log_path: Path, *, last_bytes: int | None = None) -> list[Received]:
    """Everything received so far, or what the last bytes of the log hold, oldest first; empty if nothing was."""
    if not log_path.exists():
        return []
    with log_path.open("rb") as log:
        if last_bytes is not None and log.seek(0, os.SEEK_END) > last_bytes:
            log.seek(-last_bytes, os.SEEK_END)
            log.readline()  # the rest of a line that began before
        else:
            log.seek(0)
        lines = log.readlines()
    # A line without its end is being written at this moment.
    return [_received(json.loads(line)) for line in lines if line.endswith(b"\n")]


def _received(record: dict[str, str]) -> Received:
    return Received(
        at_ms=int(record["at"]),
        key=record["key"],
        organization_id=record["organizationId"],
        instance_id=record["instanceId"],
        to=record["to"],
        text=record["text"],
        provider_id=record["providerId"],
    )


def customer_message(
    organization_id: str, instance_id: str, number: str, text: str, now_ms: int
) -> dict[str, JsonValue]:
    """The payload of a customer who writes now (ms since 1970), with a messageId that was never used."""
    return wire(
        parse_new(
            InboundMessage,
            organization_id=organization_id,
            instance_id=instance_id,
            sender=number,
            content=text,
            message_id=f"sim_{uuid.uuid4().hex}",
            timestamp=now_ms,
        )
    )

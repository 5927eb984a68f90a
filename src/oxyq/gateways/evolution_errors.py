"""What the errors of an Evolution server mean: it answers 400 to everything, so they are told apart by their words.

Words that are not in the table are MaybeSent. The server's own catch spans more than the sending: what fails after the
message was written to WhatsApp (its database, its other integrations) ends as the same 400.
Source: Evolution API 2.3.6, `sendMessageWithTyping` and the texts of its Baileys.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from oxyq.gateways.base import GatewayError, InstanceHalted, MaybeSent, NeverWill, NotReady, SlowDown
from oxyq.gateways.http_calls import Answer, unexplained
from oxyq.gateways.json_parts import list_at, part
from oxyq.gateways.wording import shown

#: All of these are thrown before anything is written.
_BY_WORDS: Final[Mapping[str, Callable[[str], GatewayError]]] = {
    "connection closed": NotReady,
    "connection was lost": NotReady,
    "not connected": NotReady,
    "rate-overlimit": SlowDown,
    "requires property": NeverWill,
    "does not meet": NeverWill,
    "media must be a url or base64": NeverWill,
}


def refusal(answer: Answer, about: str, *hidden: str) -> GatewayError:
    """The error that this answer stands for; what is `hidden` is kept out of its words."""
    said = part(answer.json, "response", "message")
    if said is None:
        return unexplained(answer, about)
    told = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    escaped = [json.dumps(secret, ensure_ascii=False)[1:-1] for secret in hidden]
    words = f"{about}: Evolution refused it ({answer.status}): {shown(told, *hidden, *escaped)}"
    if answer.status in (401, 403):
        return InstanceHalted(f"{words}; set the right api_key")
    if answer.status == 404:
        return InstanceHalted(f"{words}; create the instance at the Evolution server, or correct serverInstance")
    if answer.status == 429:
        return SlowDown(words, answer.retry_after_seconds)
    if any(part(row, "exists") is False for row in list_at(answer.json, "response", "message")):
        return NeverWill(f"{about}: the number is not on WhatsApp")
    lower = told.lower()
    for fragment, make in _BY_WORDS.items():
        if fragment in lower:
            return make(words)
    return MaybeSent(f"{words}; it may have failed after the message went out")

"""What the errors of a WAHA server mean: told apart by their status, and where that says little, by their words.

What is not known to come before the sending is MaybeSent: the server answers 500 to whatever its engine throws, and an
engine may throw after the message was written to WhatsApp.
Source: WAHA 2024.10, its `getWorkingSession` and `AllExceptionsFilter`; newer versions may say it in other words.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from oxyq.gateways.base import GatewayError, InstanceHalted, MaybeSent, NeverWill, NotReady, SlowDown
from oxyq.gateways.http_calls import Answer, unexplained
from oxyq.gateways.json_parts import list_at, part, text_at
from oxyq.gateways.wording import shown

#: The server's own, said before its engine begins.
_BY_WORDS: Final[Mapping[str, Callable[[str], GatewayError]]] = {
    "session status is not as expected": NotReady,
    "didn't find a session": InstanceHalted,
    "available only in plus version": NeverWill,
    "not implemented by the engine": NeverWill,
}
#: Thrown by the Baileys inside (NOWEB) before anything is written. Only as a whole: the browser of WEBJS says "Protocol
#: error: Connection closed." when it goes away, which may be after the message did.
_THROWN: Final[Mapping[str, Callable[[str], GatewayError]]] = {
    "Connection Closed": NotReady,
    "rate-overlimit": SlowDown,
}


def refusal(answer: Answer, about: str, *hidden: str) -> GatewayError:
    """The error that this answer stands for; what is `hidden` is kept out of its words."""
    told = _told(answer)
    if told is None:
        return unexplained(answer, about)
    escaped = [json.dumps(secret, ensure_ascii=False)[1:-1] for secret in hidden]
    words = f"{about}: WAHA refused it ({answer.status}): {shown(told, *hidden, *escaped)}"
    if answer.status in (401, 403):
        return InstanceHalted(f"{words}; set the right api_key")
    if answer.status == 404:
        return InstanceHalted(f"{words}; create the session at the WAHA server, or correct server and serverInstance")
    if answer.status == 429:
        return SlowDown(words, answer.retry_after_seconds)
    if answer.status == 400 and list_at(answer.json, "message"):
        return NeverWill(words)  # a list is of the check of the request, before any work
    if make := _THROWN.get(told):
        return make(words)
    lower = told.lower()
    for fragment, make in _BY_WORDS.items():
        if fragment in lower:
            return make(words)
    return MaybeSent(f"{words}; it may have failed after the message went out")


def _told(answer: Answer) -> str | None:
    """What the server says of it; of a 500 only the exception, since it repeats the whole request beside it."""
    said = part(answer.json, "exception", "message") or part(answer.json, "message") or part(answer.json, "error")
    if not said:
        return None
    told = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    status = text_at(answer.json, "status")
    return f"{told} ({status})" if status else told

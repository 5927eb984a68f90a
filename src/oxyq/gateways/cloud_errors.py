"""What each error code of Meta's Cloud API means for a message.

By `error.code`, as Meta asks, and not by HTTP status or title. Source: Meta's page "Error codes" (Cloud API).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from oxyq.gateways.base import (
    ContactSuppressed,
    GatewayError,
    InstanceHalted,
    NeedsTemplate,
    NeverWill,
    NotSent,
    Scope,
    SlowDown,
)
from oxyq.gateways.http_calls import Answer, unexplained
from oxyq.gateways.json_parts import list_at, text_at, whole_at
from oxyq.gateways.wording import shown
from oxyq.outcomes import JsonValue

OPTED_OUT: Final = 131050
"""The person stopped this organization's marketing."""

#: An error from its words, and the seconds that Meta asks to wait, if it does.
_Make: TypeAlias = Callable[[str, float | None], GatewayError]

_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE


def _slow(scope: Scope, seconds: float) -> _Make:
    return lambda words, asked: SlowDown(words, asked or seconds, scope)


def _retry(words: str, asked: float | None) -> GatewayError:
    return NotSent(words, asked)


def _never(words: str, _: float | None) -> GatewayError:
    return NeverWill(words)


def _template(words: str, _: float | None) -> GatewayError:
    return NeedsTemplate(words)


def _suppressed(words: str, _: float | None) -> GatewayError:
    return ContactSuppressed(words)


def _opted_out(words: str, _: float | None) -> GatewayError:
    return ContactSuppressed(words, opted_out=True)


def _halted(words: str, _: float | None) -> GatewayError:
    return InstanceHalted(words)


@dataclass(frozen=True, slots=True)
class _Meaning:
    make: _Make
    fix: str = ""


_ROWS: Final[tuple[tuple[Iterable[int], _Meaning], ...]] = (
    # One message in 6 s to the same person; Meta then asks for 4^n s.
    ((131056,), _Meaning(_slow("pair", 6.0))),
    ((130429,), _Meaning(_slow("number", 5.0))),
    ((4, 80007, 133016), _Meaning(_slow("number", 5 * _MINUTE))),
    ((131048, 131064), _Meaning(_slow("campaign", 4 * _HOUR), "too many people reported or blocked this number")),
    ((1, 2, 131000, 131016, 131057, 133004), _Meaning(_retry)),
    ((131047,), _Meaning(_template, "outside 24 hours only an approved template may be sent: give metaTemplate")),
    ((132000, 132001, 132012), _Meaning(_never, "check name, language and number of parameters of metaTemplate")),
    ((OPTED_OUT,), _Meaning(_opted_out, "the person stopped marketing")),
    ((131026, 131049, 130472), _Meaning(_suppressed, "WhatsApp does not deliver this to this person")),
    ((132015, 132016, 132068), _Meaning(_never, "Meta paused or disabled the template: change it in Meta's manager")),
    ((0, 190), _Meaning(_halted, "the access token is wrong or has expired: set a new access_token")),
    ((3, 10, *range(200, 300)), _Meaning(_halted, "the access token lacks a permission")),
    ((131042,), _Meaning(_halted, "check how the account is paid")),
    ((368, 131005, 131031, 131037, 131045, 130497), _Meaning(_halted, "see to the account in Meta's manager")),
)
_MEANINGS: Final[Mapping[int, _Meaning]] = {code: meaning for codes, meaning in _ROWS for code in codes}


def refusal(answer: Answer, about: str, *hidden: str) -> GatewayError:
    """The error that this answer stands for; what is `hidden` is kept out of its words."""
    code = whole_at(answer.json, "error", "code")
    if code is None:
        return unexplained(answer, about)
    title = text_at(answer.json, "error", "message") or ""
    meaning = _MEANINGS.get(code) or _unknown(answer)
    words = f"{about}: Meta refused it, {reason(code, shown(title, *hidden), meaning.fix)}"
    return meaning.make(words, answer.retry_after_seconds or _usage_seconds(answer))


def status_reason(error: JsonValue) -> tuple[str, bool]:
    """Of an error in a status: why the message failed, for people, and whether its person stopped marketing."""
    code = whole_at(error, "code")
    if code is None:
        return "", False
    meaning = _MEANINGS.get(code)
    return reason(code, shown(text_at(error, "title") or ""), meaning.fix if meaning else ""), code == OPTED_OUT


def reason(code: int, title: str, fix: str) -> str:
    """The code, Meta's words for it, and what to do."""
    return "; ".join(words for words in (f"code {code}: {title}" if title else f"code {code}", fix) if words)


def _unknown(answer: Answer) -> _Meaning:
    if answer.status == 429:
        return _Meaning(_slow("number", 5.0))
    error = answer.json.get("error") if isinstance(answer.json, dict) else None
    is_transient = isinstance(error, dict) and error.get("is_transient") is True
    return _Meaning(_retry if is_transient or answer.status >= 500 else _never)


def _usage_seconds(answer: Answer) -> float | None:
    """When calls are let through again, from the header that Meta sends with its limits (in minutes)."""
    try:
        usage: JsonValue = json.loads(answer.headers.get("x-business-use-case-usage", "null"))
    except ValueError:
        return None
    rows = [row for account in (usage if isinstance(usage, dict) else {}) for row in list_at(usage, account)]
    minutes = max((whole_at(row, "estimated_time_to_regain_access") or 0 for row in rows), default=0)
    return min(minutes, 24 * 60) * _MINUTE or None

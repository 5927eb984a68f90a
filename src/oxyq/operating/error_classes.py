"""What kinds of last errors there are, and what is best done with their dead letters: a table.

An error is known by how its job was given up, or by its words: they are all that Node's workers leave behind too.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from oxyq.operating.error_fingerprint import fingerprint, pattern

Action: TypeAlias = Literal["replay", "edit", "fix", "wait", "purge", "look"]
"""`fix`: something outside the job, such as a setting, then replay. `wait`: for news of what became of it.
`look`: nobody can say without looking."""


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """A kind of error, and what to do about it, in a sentence."""

    name: str
    action: Action
    advice: str


@dataclass(frozen=True, slots=True)
class KnownError:
    """An error as far as it is the same every time: its class, and its words without what differs."""

    error_class: ErrorClass
    pattern: str
    fingerprint: str


def _words(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


def _codes(*codes: int | str) -> re.Pattern[str]:
    """Error codes of Meta's, as gateways/cloud_errors.py words them; what each means stands there."""
    return _words(rf"\bcode ({'|'.join(map(str, codes))})\b")


#: Letters without an end that can be read from their words.
OTHER: Final = ErrorClass("other", "look", "read the error, and one of its letters")

#: The first row that fits an error says its class: by how the job was given up, or else by its words.
_ROWS: Final[tuple[tuple[ErrorClass, str | None, tuple[re.Pattern[str], ...]], ...]] = (
    (ErrorClass("unreadable", "edit", "it is no job: give its data anew, or throw it away"), "malformed", ()),
    (ErrorClass("by_hand", "look", "somebody put it here: read why"), "by-hand", ()),
    (
        ErrorClass("needs_template", "edit", "they wrote more than 24 hours ago: give an approved metaTemplate"),
        None,
        (_codes(131047), _words("only an approved template")),
    ),
    (
        ErrorClass("wrong_template", "edit", "correct metaTemplate, or the template in Meta's manager"),
        None,
        (_codes(132000, 132001, 132012, 132015, 132016, 132068), _words("templates go out through")),
    ),
    (
        ErrorClass("suppressed", "purge", "this person does not want it, or WhatsApp keeps it from them"),
        None,
        (_codes(131026, 131049, 130472, 131050), _words("stopped marketing|does not deliver this to this person")),
    ),
    (
        ErrorClass("not_on_whatsapp", "purge", "nobody has WhatsApp under this number"),
        None,
        (_words("not on WhatsApp"),),
    ),
    (
        ErrorClass("bad_number", "purge", "nobody can have this number; edit it if you know the right one"),
        None,
        (_words("must have 8 to 15 digits|begin with the country code|other characters than digits"),
         _words("unknown ending behind @|the number (must|has|is)\\b|use the person's number")),
    ),
    (
        ErrorClass("unknown_organization", "fix", "add the organization, then replay"),
        None,
        (_words("organizationId: .*is unknown here"),),
    ),
    (
        ErrorClass("unknown_instance", "fix", "add the number it is to be sent by, then replay"),
        None,
        (_words("instanceId: .*(is no instance|is not a number|is missing)"),),
    ),
    (ErrorClass("invalid_data", "edit", "correct the data; the error names the field"), None, (_words("^invalid: "),)),
    (
        ErrorClass("access_refused", "fix", "set the number's secrets right or see to its account, then replay"),
        None,
        (_codes(0, 3, 10, 190, r"2\d\d", 368, 131005, 131031, 131037, 131042, 131045, 130497),
         _words(r"\bapi_key\b|access.token|access was refused|\(40[13]\)|does not know our key|unauthori[sz]ed")),
    ),
    (
        ErrorClass("unconfirmed", "wait", "it may have gone out: wait for its status, and replay what has none"),
        None,
        (_words("(answer|reply) was lost|may have failed after the message went out|only a part of it"),
         _words("without saying what became of it")),
    ),
    (
        ErrorClass("crashed", "replay", "its worker died over it: replay one first, and watch it"),
        "crashed",
        (_words("stalled more than allowable|^crashed: "),),
    ),
    (
        ErrorClass("redis_away", "replay", "Redis was away: replay when it is back"),
        None,
        (_words(r"\bRedis\b|\b(READONLY|LOADING|CLUSTERDOWN|OOM command)\b"),),
    ),
    (
        ErrorClass("too_many", "replay", "the other side asked for fewer: replay with a limit per second"),
        None,
        (_codes(4, 80007, 130429, 131048, 131056, 131064, 133016),
         _words(r"too many (requests|messages)|rate.?(overlimit|limit)|answered 429|\(429\)")),
    ),
    (
        ErrorClass("connection", "replay", "the other side could not be reached: replay when it can be"),
        None,
        (_words(r"no connection|not connected|connection (was |is )?(refused|closed|lost|reset|aborted)"),
         _words(r"\bE(CONN[A-Z]+|TIMEDOUT|NOTFOUND|AI_AGAIN|PIPE|HOSTUNREACH|NETUNREACH)\b"),
         _words("socket hang up|getaddrinfo")),
    ),
    (ErrorClass("timeout", "replay", "it took too long: replay it"), None, (_words("time(d )?.?out"),)),
    (
        ErrorClass("other_side", "replay", "the other side had a fault of its own: replay when it is well"),
        None,
        (_codes(1, 2, 131000, 131016, 131057, 133004),
         _words(r"gateway (is away|said)|bad gateway|service unavailable|\(5\d\d\)|answered 5\d\d"),
         _words("internal server error|no language model answered")),
    ),
    (
        ErrorClass("refused", "look", "WhatsApp refused it: the code says why"),
        None,
        (_words(r"\brefused it\b|\bcode \d+\b"),),
    ),
)  # fmt: skip

CLASSES: Final[tuple[ErrorClass, ...]] = (*(row[0] for row in _ROWS), OTHER)


def known_error(kind: str, reason: str) -> KnownError:
    """What is known of a last error; `kind` is how the job was given up, `reason` what the error said."""
    return _known(kind, pattern(reason))


# By the pattern, not the whole text: 100,000 letters have few of them, and trying all rows takes ten times as long.
@lru_cache(4096)
def _known(kind: str, text: str) -> KnownError:
    error_class = next((known for known, given_up, words in _ROWS if _fits(given_up, words, kind, text)), OTHER)
    return KnownError(error_class, text, fingerprint(error_class.name, text))


def _fits(given_up: str | None, words: tuple[re.Pattern[str], ...], kind: str, text: str) -> bool:
    return given_up == kind or any(one.search(text) for one in words)

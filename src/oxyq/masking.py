"""What is shown of people's numbers and texts to those who need not know them: enough to tell two apart."""

import re
from typing import Final

from oxyq.outcomes import JsonValue

_DOTS: Final = "•••••"
#: A phone number as programs write it; shorter ones are ids, and so are longer ones. Milliseconds have 13 digits too.
_NUMBER: Final = re.compile(r"(?<![\w.:-])\+?[1-9][0-9]{9,14}(?![\w.-])", re.ASCII)
_WRITTEN_NUMBER: Final = re.compile(r"\+?[0-9][0-9 ()-]{6,22}[0-9]", re.ASCII)
_ADDRESS: Final = re.compile(r"[0-9]{5,20}(?=(?::[0-9]{1,5})?@)", re.ASCII)
_BRAZILIAN: Final = re.compile(r"55([1-9][1-9])[0-9]{8,9}", re.ASCII)

#: Fields that hold words of ours and of the organization's programs, and nothing that a person wrote.
_KEPT: Final = frozenset(
    "id type kind v step again slot state status queue originalQueue originalJobName mimetype timestamp scheduledFor "
    "graceMinutes generation messageKey route".split()
)
#: Endings of names of such fields: messageId, startAt, delayMs, and `...For` of times.
_KEPT_ENDINGS: Final = ("Id", "Ids", "At", "Ms")
#: Words in which a number may stand, as in "5511999998888 has no WhatsApp".
_REASONS: Final = frozenset(("reason", "failedReason"))
#: Whose `name` is a template's and not a person's.
_TEMPLATE: Final = "metaTemplate"
_TEMPLATE_KEPT: Final = frozenset(("name", "language"))


def mask_number(number: str) -> str:
    """`5511999998888` as `55 11 •••••-8888`: country and area of Brazil's, the last four digits of all others.

    Takes what WhatsApp and people write; of ids that hide a number (`…@lid`, `BR.…`) the end is left too.
    """
    address, at, server = number.partition("@")
    shown = re.sub(r"[^0-9A-Za-z]", "", address.partition(":")[0])
    if len(shown) < 8:
        return _DOTS
    brazilian = _BRAZILIAN.fullmatch(shown)
    beginning = f"55 {brazilian[1]} " if brazilian else ""
    # Behind the @ stands c.us, lid and the like: whatever has digits there is somebody's number again.
    return f"{beginning}{_DOTS}-{shown[-4:]}{at}{server if server.replace('.', '').isalpha() else ''}"


def mask_text(text: str) -> str:
    """How long a text is, and nothing of it: `••• (27)`."""
    return f"••• ({len(text)})" if text else ""


def mask_numbers_in(text: str) -> str:
    """A text of ours, such as the reason of a failure, without the numbers that stand in it."""
    return _NUMBER.sub(lambda found: mask_number(found[0]), _ADDRESS.sub(lambda found: mask_number(found[0]), text))


def mask_json(value: JsonValue) -> JsonValue:
    """A job's data with all numbers and texts of people masked; ids, times and words of ours stay.

    What is not known to be harmless is masked: whoever adds a field to a payload has nothing to remember here.
    """
    return _masked(value, "")


def _masked(value: JsonValue, name: str) -> JsonValue:
    match value:
        case dict():
            return {mask_numbers_in(key): _masked_field(field, key, name) for key, field in value.items()}
        case list():
            return [_masked(item, name) for item in value]
        case str() if _WRITTEN_NUMBER.fullmatch(value) or _ADDRESS.match(value):
            return mask_number(value)
        case str():
            return mask_text(value)
        case int() if not isinstance(value, bool) and _NUMBER.fullmatch(str(value)):
            return mask_number(str(value))
        case _:
            return value


def _masked_field(value: JsonValue, name: str, within: str) -> JsonValue:
    is_kept = _is_kept(name, within)
    match value:
        case list() if is_kept:
            return [_masked_field(item, name, within) for item in value]
        case str() if is_kept or name in _REASONS:
            return mask_numbers_in(value)
        case int() | float() if is_kept and not name.endswith(("id", "Id")):
            return value
        case _:
            return _masked(value, name)


def _is_kept(name: str, within: str) -> bool:
    return name in _KEPT or name.endswith(_KEPT_ENDINGS) or (within == _TEMPLATE and name in _TEMPLATE_KEPT)

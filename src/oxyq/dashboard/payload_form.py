"""A payload written as a form: each field of the model as something a person can fill in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from oxyq.api.strict_json import NotJson, parse_json
from oxyq.dashboard.formats import Formats
from oxyq.dashboard.forms import Form
from oxyq.errors import InvalidPayload
from oxyq.operating.new_job import FieldType, FormField
from oxyq.outcomes import JsonValue

#: The value of the choice "yes"; any other word is no.
YES: Final = "yes"


def read_payload_form(form: Form, fields: Sequence[FormField], formats: Formats) -> dict[str, JsonValue]:
    """What was filled in, as a payload; what was left empty is left out. InvalidPayload names every wrong field."""
    read: dict[str, JsonValue] = {}
    problems: list[tuple[str, str]] = []
    for field in fields:
        text = form.optional(field.name)
        if text is None:
            continue
        try:
            read[field.name] = _READ[field.type](field.name, text, formats)
        except InvalidPayload as error:
            problems.append((error.field, error.problem))
    if problems:
        raise InvalidPayload(*problems[0], more=problems[1:])
    return read


def problems_by_field(
    error: InvalidPayload, fields: Sequence[FormField], told: Callable[[str], str] = str
) -> tuple[dict[str, str], str]:
    """What is wrong with each field of the form, and what is wrong with none of them; `told` puts it into words."""
    names = {field.name for field in fields}
    by_field: dict[str, str] = {}
    others: list[str] = []
    for path, problem in error.problems:
        name = path.partition(".")[0].partition("[")[0]
        if name in names:
            said = told(problem) if path == name else f"{path}: {told(problem)}"
            by_field[name] = "; ".join(filter(None, (by_field.get(name), said)))
        else:
            others.append(f"{path}: {told(problem)}")
    return by_field, "; ".join(others)


def _whole_number(name: str, text: str, formats: Formats) -> JsonValue:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise InvalidPayload(name, "must be a whole number")
    return int(digits)


def _json(name: str, text: str, formats: Formats) -> JsonValue:
    try:
        return parse_json(text.encode())
    except NotJson:
        raise InvalidPayload(name, "is not JSON; check quotes, commas and braces") from None


def _lines(name: str, text: str, formats: Formats) -> JsonValue:
    return [line.strip() for line in text.splitlines() if line.strip()]


_READ: Final[Mapping[FieldType, Callable[[str, str, Formats], JsonValue]]] = {
    "line": lambda name, text, formats: text.strip(),
    "text": lambda name, text, formats: text,
    "number": _whole_number,
    "time": lambda name, text, formats: formats.read_time(name, text),
    "yes-no": lambda name, text, formats: text == YES,
    "choice": lambda name, text, formats: text,
    "recipients": _lines,
    "json": _json,
}

"""What pydantic found wrong in a payload, in our words: the field as it is on the wire, and how to correct it."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final, get_args

import pydantic
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from oxyq.errors import InvalidPayload

JSON_FIELDS: Final = ("metadata", "data")
"""The fields with JSON of the caller's own, of any shape and size."""
TOO_DEEP: Final = "is nested too deeply; flatten it"

_SHOWN_PROBLEMS: Final = 10
_SHOWN_CHARACTERS: Final = 128


def invalid_payload(model: type[BaseModel], error: pydantic.ValidationError) -> InvalidPayload:
    """The error that names each wrong field of `model`, as written on the wire, with its problem and a fix."""
    found = error.errors(include_url=False)[:_SHOWN_PROBLEMS]
    problems = [(_path(item["loc"]), _problem(model, dict(item))) for item in found]
    unique = list(dict.fromkeys(problems))
    return InvalidPayload(*unique[0], more=unique[1:])


def json_type(value: object) -> str:
    """What a value is, in words that do not ask for Python: "a number", "an object"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a number"
    if isinstance(value, float):
        return "a number with a point"
    if isinstance(value, str | bytes):
        return "text"
    if isinstance(value, Mapping | BaseModel):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    # Inside free JSON pydantic reports its own way through it as well; the field's name says enough.
    for part in location[:1] if location[:1] and location[0] in JSON_FIELDS else location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not re.fullmatch(r"<.*>|\[key\]", part):
            # A name that somebody made up: it must not forge lines in a log.
            path += f".{part[:_SHOWN_CHARACTERS] if part.isprintable() else ascii(part[:_SHOWN_CHARACTERS])}"
    return path.strip(".") or "payload"


def _problem(model: type[BaseModel], item: dict[str, Any]) -> str:
    context, given = item.get("ctx", {}), item["input"]
    match item["type"]:
        case "missing":
            return f"is missing; give {_description(model, item['loc'])}"
        case "extra_forbidden":
            return f"is not a known field; {_did_you_mean(model, item['loc'])}"
        case "value_error":
            return str(context["error"])
        case "string_type" if item["loc"][-1:] == ("[key]",):
            return f"has {json_type(given)} for a name; names are text"
        case "string_type":
            return f"must be text, not {json_type(given)}{_quoted(given)}"
        case "int_type":
            return f"must be a whole number, not {json_type(given)}; write it without quotes and point"
        case "model_type" if item["loc"][-1:] == ("<row>",):
            return f"must be a number as text, or an object with number, not {json_type(given)}{_quoted(given)}"
        case "dict_type" | "model_type":
            return f"must be an object with fields, not {json_type(given)}"
        case "list_type":
            return f"must be a list, not {json_type(given)}"
        case "too_short":
            return "must not be empty; give at least one"
        case "too_long":
            return f"has too many entries; at most {context['max_length']} are taken"
        case "literal_error":
            return f"must be {context['expected']}; this version knows no other"
        case "greater_than_equal":
            return f"must be {context['ge']:g} or more"
        case "less_than_equal":
            return f"must be {context['le']:g} or less"
        case "invalid_key":
            return "is not a field name; field names are text"
        case "invalid-json-value":
            return "has something that JSON cannot carry; use text, numbers, lists and objects"
        case "recursion_depth_exceeded" | "recursion_loop":
            return TOO_DEEP
        case _:
            return str(item["msg"])


def _description(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    for field in _fields_at(model, location).values():
        if field.alias == location[-1] and field.description:
            return field.description
    return "a value"


def _did_you_mean(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    names = [field.alias or name for name, field in _fields_at(model, location).items()]
    near = difflib.get_close_matches(str(location[-1])[:_SHOWN_CHARACTERS], names, n=1)
    return f"did you mean {near[0]}?" if near else f"remove it (known are {', '.join(names)})"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> dict[str, FieldInfo]:
    """The fields that are known where the last part of `location` stands, perhaps inside a nested model."""
    for part in location[:-1]:
        for field in model.model_fields.values():
            if field.alias == part:
                model = _nested_model(field.annotation) or model
    return model.model_fields


def _nested_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_nested_model, get_args(annotation))), None)


def _quoted(given: object) -> str:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return ""
    # Python refuses to write out integers of thousands of digits.
    return f'; write "{given}" instead of {given}' if abs(given) < 10**20 else ""

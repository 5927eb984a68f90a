"""Which automations somebody means: those of an id, or with something in their metadata, perhaps to one person."""

import json
from collections.abc import Iterator
from hashlib import blake2b
from itertools import product
from typing import Annotated, TypeAlias

import pydantic
from pydantic import AfterValidator, BaseModel, Field, model_validator

from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, Automation, Id, Number
from oxyq.numbers import contact_key
from oxyq.outcomes import JsonValue

_Pair: TypeAlias = tuple[str, str]


def _checked_pair(metadata: dict[str, pydantic.JsonValue]) -> dict[str, pydantic.JsonValue]:
    if len(metadata) != 1:
        raise ValueError('must hold one name and its value, such as {"bookingId": "booking_123"}')
    if any(_as_text(value) is None for value in metadata.values()):
        raise ValueError("must have text, a number or true or false as its value; nothing else can be looked for")
    return metadata


class Selection(BaseModel):
    """What an automation must have to be meant; all that is given must fit."""

    model_config = WIRE_CONFIG

    automation_id: Id | None = Field(default=None, description="the automation's id")
    metadata: Annotated[dict[str, pydantic.JsonValue], AfterValidator(_checked_pair)] | None = Field(
        default=None, description='one pair of its metadata, such as {"bookingId": "booking_123"}'
    )
    recipient_number: Number | None = Field(default=None, description="only those to this person")

    @model_validator(mode="after")
    def _names_something(self) -> "Selection":
        if self.automation_id is None and self.metadata is None:
            raise InvalidPayload("automationId", "is missing; give it, or one pair of the metadata, or both")
        return self

    def fits(self, automation: Automation) -> bool:
        """Whether this automation is meant: whether its name is one of `names_of`, found out without them."""
        return (
            self.automation_id in (None, automation.automation_id)
            and set(_pairs(self.metadata or {})) <= set(_pairs(automation.metadata or {}))
            and (
                self.recipient_number is None
                or contact_key(self.recipient_number) == contact_key(automation.recipient_number)
            )
        )

    def name(self) -> str:
        """What stands for this selection, among those of its organization."""
        pair = next(_pairs(self.metadata or {}), None)
        contact = None if self.recipient_number is None else contact_key(self.recipient_number)
        return _name(self.automation_id, pair, contact)


def names_of(automation: Automation) -> set[str]:
    """The names of all selections that this automation falls under."""
    pairs = (None, *_pairs(automation.metadata or {}))
    people = (None, contact_key(automation.recipient_number))
    return {
        _name(automation_id, pair, contact)
        for automation_id, pair, contact in product((None, automation.automation_id), pairs, people)
        if automation_id is not None or pair is not None
    }


def _pairs(metadata: dict[str, JsonValue]) -> Iterator[_Pair]:
    """What of it can be looked for."""
    for name, value in metadata.items():
        text = _as_text(value)
        if text is not None:
            yield name, text


def _as_text(value: JsonValue) -> str | None:
    """A value as text, since a command line knows nothing else: 7, 7.0 and "7" are one."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case int():
            return str(value)
        case _:
            return None


def _name(automation_id: str | None, pair: _Pair | None, contact: str | None) -> str:
    # Hashed: a value may have thousands of characters.
    return blake2b(json.dumps([automation_id, pair, contact]).encode(), digest_size=16).hexdigest()

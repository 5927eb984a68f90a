"""The form of a new job is the payload model's: what it asks for, as what, and in which order."""

import pytest

from oxyq.errors import InvalidPayload
from oxyq.jobs import parse_new
from oxyq.operating.new_job import MODELS, FieldType, form_fields

#: Good values by type, as a payload has them.
VALUES = {"line": "5511999998888", "text": "Oi", "number": 5, "time": 1_795_377_084_000, "yes-no": True,
          "recipients": ["5511999998888"]}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_what_must_be_said_comes_first_and_makes_a_payload(kind: str) -> None:
    fields = form_fields(kind)  # type: ignore[arg-type]
    required = [field for field in fields if field.is_required]

    assert list(fields[: len(required)]) == required
    assert {field.name for field in fields} == {
        field.alias or name
        for name, field in MODELS[kind].model_fields.items()  # type: ignore[index]
    }
    parse_new(MODELS[kind], {field.name: VALUES[field.type] for field in required})  # type: ignore[index]


@pytest.mark.parametrize("kind", MODELS)
def test_everything_that_may_be_said_has_the_type_that_the_model_takes(kind: str) -> None:
    """A field of a type that the form does not know would be asked for as JSON."""
    fields = form_fields(kind)  # type: ignore[arg-type]
    required = {field.name: VALUES[field.type] for field in fields if field.is_required}
    for field in fields:
        if field.is_required or field.type == "json":
            continue
        value = field.choices[0] if field.type == "choice" else VALUES[field.type]
        parse_new(MODELS[kind], {**required, field.name: value})  # type: ignore[index]


@pytest.mark.parametrize(
    ("kind", "name", "type_"),
    [
        ("message", "timestamp", "time"),
        ("message", "content", "text"),
        ("message", "type", "choice"),
        ("message", "isGroup", "yes-no"),
        ("message", "media", "json"),
        ("automation", "graceMinutes", "number"),
        ("automation", "type", "line"),
        ("automation", "metaTemplate", "json"),
        ("campaign", "recipients", "recipients"),
        ("campaign", "variables", "json"),
        ("campaign", "startAt", "time"),
    ],
)
def test_a_field_is_asked_for_as_what_it_is(kind: str, name: str, type_: FieldType) -> None:
    [field] = [field for field in form_fields(kind) if field.name == name]  # type: ignore[arg-type]

    assert field.type == type_
    assert (field.choices != ()) == (type_ == "choice")


def test_what_is_missing_is_told_by_its_name() -> None:
    with pytest.raises(InvalidPayload, match="automationId: is missing"):
        parse_new(MODELS["automation"], {})

"""Errors of payloads: the field as it is on the wire, what is wrong, and a fix, in few harmless words."""

from typing import Any

import pydantic
import pytest
from pydantic import BaseModel, Field

from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, Variables
from oxyq.payload_errors import invalid_payload, json_type


class Pet(BaseModel):
    model_config = WIRE_CONFIG

    pet_name: str = Field(description="what it is called")
    variables: Variables = Field(default_factory=dict)


class Visit(BaseModel):
    model_config = WIRE_CONFIG

    visit_id: str = Field(description="your id of the visit")
    pets: list[Pet] = Field(default_factory=list)
    metadata: dict[str, pydantic.JsonValue] | None = None


VISIT: dict[str, Any] = {"visitId": "v1", "pets": [{"petName": "Rex"}]}


def _refused(**changed: object) -> InvalidPayload:
    with pytest.raises(pydantic.ValidationError) as caught:
        Visit.model_validate({**VISIT, **changed}, extra="forbid", by_alias=True, by_name=False)
    return invalid_payload(Visit, caught.value)


@pytest.mark.parametrize(
    ("pets", "field", "problem"),
    [
        ([{}], "pets[0].petName", "is missing; give what it is called"),
        ([{"petName": "Rex"}, {"petName": 5}], "pets[1].petName", 'must be text, not a number; write "5" instead of 5'),
        ([{"petName": "Rex", "petname": "x"}], "pets[0].petname", "did you mean petName?"),
        ([{"petName": "Rex", "zzz": 1}], "pets[0].zzz", "remove it (known are petName, variables)"),
        (["Rex"], "pets[0]", "must be an object with fields, not text"),
        ("Rex", "pets", "must be a list, not text"),
        (None, "pets", "must be a list, not null"),
        ([{"petName": "Rex", "variables": {"a": True}}], "pets[0].variables.a", "must be text, not true or false"),
    ],
)
def test_the_path_leads_to_the_field_and_the_problem_to_a_fix(pets: object, field: str, problem: str) -> None:
    [(found, told)] = _refused(pets=pets).problems

    assert found == field
    assert told.endswith(problem)


def test_all_wrong_fields_are_told_at_once() -> None:
    error = _refused(visitId=5, pets=None, visitid="v1")

    assert {field for field, _ in error.problems} == {"visitId", "pets", "visitid"}


def test_at_most_ten_problems_are_told() -> None:
    assert len(_refused(**{f"unknown{number}": 1 for number in range(1000)}).problems) == 10


def test_the_same_problem_is_told_once() -> None:
    """Whatever is wrong inside free JSON, in however many places, is one problem of its field."""
    assert _refused(metadata={"a": object(), "b": [object()]}).problems == (
        ("metadata", "has something that JSON cannot carry; use text, numbers, lists and objects"),
    )


def test_the_error_never_repeats_what_people_wrote() -> None:
    error = _refused(pets=[{"petName": "Rex", "variables": {"a": "my secret\0"}}])

    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("name", "field"),
    [("b\nERROR forged", r"'b\nERROR forged'"), ("x" * 1000, "x" * 128)],
    ids=["line break", "long"],
)
def test_a_made_up_name_cannot_forge_or_flood_a_log(name: str, field: str) -> None:
    assert _refused(**{name: 1}).field == field


def test_a_field_name_that_is_not_text_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Visit.model_validate({**VISIT, 5: 1}, extra="forbid")

    assert "field names are text" in invalid_payload(Visit, caught.value).problem


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_what_is_no_object_is_a_problem_of_the_payload(value: object) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Visit.model_validate(value)

    assert invalid_payload(Visit, caught.value).problems == (
        ("payload", f"must be an object with fields, not {json_type(value)}"),
    )


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "true or false"),
        (5, "a number"),
        (5.0, "a number with a point"),
        ("a", "text"),
        ({}, "an object"),
        ([], "a list"),
        ((), "a list"),
        (set(), "a set"),
    ],
)
def test_types_have_the_names_of_json(value: object, name: str) -> None:
    assert json_type(value) == name

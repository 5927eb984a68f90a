"""A payload written as a form: read as what each field is, and every problem at its field."""

from zoneinfo import ZoneInfo

import pytest

from oxyq.dashboard.formats import Formats
from oxyq.dashboard.forms import Form
from oxyq.dashboard.payload_form import problems_by_field, read_payload_form
from oxyq.errors import InvalidPayload
from oxyq.operating.new_job import form_fields

FORMATS = Formats("pt", ZoneInfo("America/Sao_Paulo"), lambda: 0)
AUTOMATION, CAMPAIGN = form_fields("automation"), form_fields("campaign")


def form(**fields: str) -> Form:
    return Form({name: [value] for name, value in fields.items()})


def test_each_field_is_read_as_what_it_is() -> None:
    given = form(
        automationId=" a-1 ", content="  Oi\nana  ", scheduledFor="2027-01-15T09:30", transactional="yes",
        graceMinutes="30", metadata='{"a": [1]}', instanceId="", type="   ",
    )  # fmt: skip

    assert read_payload_form(given, AUTOMATION, FORMATS) == {
        "automationId": "a-1", "content": "  Oi\nana  ", "scheduledFor": 1_800_016_200_000, "transactional": True,
        "graceMinutes": 30, "metadata": {"a": [1]},
    }  # fmt: skip
    assert read_payload_form(form(transactional="no"), AUTOMATION, FORMATS) == {"transactional": False}
    assert read_payload_form(form(recipients="1\n\n 2 \n"), CAMPAIGN, FORMATS) == {"recipients": ["1", "2"]}


def test_every_problem_is_told_at_once() -> None:
    given = form(scheduledFor="tomorrow", graceMinutes="-1", metadata="{", content="Oi")

    with pytest.raises(InvalidPayload) as refused:
        read_payload_form(given, AUTOMATION, FORMATS)

    by_field, other = problems_by_field(refused.value, AUTOMATION)
    assert set(by_field) == {"scheduledFor", "graceMinutes", "metadata"}
    assert other == ""
    assert by_field["scheduledFor"].startswith("must be a date and a time")


@pytest.mark.parametrize("text", ["9" * 16, "1.5", "٣", "1e3", "0x10"])
def test_no_number_is_guessed(text: str) -> None:
    with pytest.raises(InvalidPayload, match="graceMinutes: must be a whole number"):
        read_payload_form(form(graceMinutes=text), AUTOMATION, FORMATS)


def test_problems_inside_a_field_are_told_with_their_place() -> None:
    error = InvalidPayload("recipients[3].number", "is none", more=[("recipients", "too many"), ("payload", "is big")])

    assert problems_by_field(error, CAMPAIGN) == (
        {"recipients": "recipients[3].number: is none; too many"},
        "payload: is big",
    )

"""Who gets what: one send per valid, distinct recipient, its text rendered and frozen."""

import pytest

from oxyq.campaigns.plan import plan
from oxyq.errors import InvalidPayload
from oxyq.jobs import CampaignRequest, parse_new


def _request(recipients: list[object], template: str = "Olá {{name}}!", **variables: str) -> CampaignRequest:
    return parse_new(
        CampaignRequest, campaignId="c1", organizationId="org_1", recipients=recipients, template=template,
        variables=variables,
    )  # fmt: skip


def test_each_recipient_gets_the_rendered_text_once() -> None:
    """The same person written three ways, with and without the ninth digit, is one recipient."""
    planned = plan(_request(["5511999990001", "+55 (11) 99999-0001", "551199990001", "5511999990002"], name="Ana"))

    assert [(send.recipient, send.text) for send in planned.sends] == [
        ("5511999990001", "Olá Ana!"),
        ("5511999990002", "Olá Ana!"),
    ]
    assert list(planned.skipped.values()) == ["duplicate", "duplicate"]


def test_a_recipients_own_variables_go_first() -> None:
    """Their name, or else the campaign's; a value with braces in it stays as it is."""
    planned = plan(
        _request([{"number": "5511999990001", "variables": {"name": "{{x}}"}}, "5511999990002"], name="Cliente")
    )

    assert [send.text for send in planned.sends] == ["Olá {{x}}!", "Olá Cliente!"]


def test_an_invalid_number_is_skipped_with_its_reason() -> None:
    """One bad row does not stop a campaign."""
    planned = plan(_request(["123", "5511999990001"], name="Ana"))

    assert len(planned.sends) == 1
    assert planned.skipped["123"].startswith("invalid: ")


def test_a_missing_variable_stops_all_of_it() -> None:
    """Nobody gets a message when one of them could not be written."""
    with pytest.raises(InvalidPayload, match=r"\{\{name\}\} has no value"):
        _request([{"number": "5511999990001", "variables": {"name": "Ana"}}, "5511999990002"])


@pytest.mark.parametrize(
    ("name", "problem"),
    [("x" * 4096, "has 4097 characters; WhatsApp takes at most 4096"), (" ", "must not be blank")],
    ids=["too long", "blank"],
)
def test_a_text_that_cannot_be_sent_stops_all_of_it(name: str, problem: str) -> None:
    """Template and values are fine each; the error names the template, and for whom they are too much together."""
    template = "{{name}}!" if name.strip() else "{{name}}"
    recipients = ["5511999990001", {"number": "+55 11 99999-0002", "variables": {"name": name}}]
    request = _request(recipients, template, name="Ana")

    with pytest.raises(InvalidPayload) as caught:
        plan(request)

    assert caught.value.field == "template"
    assert caught.value.problem.startswith(f"as rendered for recipient 5511999990002, {problem}")


def test_planning_again_gives_the_same_jobs() -> None:
    """Ids are made of the campaign and the recipient, so a crash in between adds nothing twice."""
    request = _request(["5511999990001", "5511999990002"], name="Ana")

    assert [send.job_id() for send in plan(request).sends] == [send.job_id() for send in plan(request).sends]

"""What one recipient of a campaign gets: its texts with the variables filled in and the choices made."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from oxyq.errors import InvalidPayload
from oxyq.jobs import CampaignContent, check_parameter, check_parameters, check_text
from oxyq.templates import render

_Value = TypeVar("_Value")


class Rendered(NamedTuple):
    """The text, and the parameters of the approved template that goes out instead where that can be sent."""

    text: str
    parameters: tuple[str, ...]


def render_for(content: CampaignContent, person: str, written: str, variables: Mapping[str, str]) -> Rendered:
    """What this recipient gets; InvalidPayload, naming the recipient, when it cannot be written or sent.

    `person` decides between the choices of a template: the canonical number, however it was `written`.
    """
    seed = f"{content.campaign_id}/{person}"
    text = render(content.template, variables, content.variables, recipient=written, seed=seed)
    _check("template", text, check_text, written)
    if content.meta_template is None:
        return Rendered(text, ())
    return Rendered(text, _parameters(content, seed, written, variables))


def _parameters(content: CampaignContent, seed: str, written: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    _, *parameters = content.texts()
    values = list[str]()
    for at, (field, template) in enumerate(parameters):
        try:
            # Seeds of their own: two parameters that are choices are not to go hand in hand.
            value = render(template, variables, content.variables, recipient=written, seed=f"{seed}/{at}")
        except InvalidPayload as error:
            raise InvalidPayload(field, error.problem) from None
        _check(field, value, check_parameter, written)
        values.append(value)
    _check("metaTemplate.parameters", values, check_parameters, written)
    return tuple(values)


def _check(field: str, value: _Value, check: Callable[[_Value], object], written: str) -> None:
    try:
        check(value)
    except ValueError as error:
        recipient = written.encode("unicode_escape").decode()
        raise InvalidPayload(field, f"as rendered for recipient {recipient}, {error}") from None

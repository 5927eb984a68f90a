"""Adding a job by hand: what it must and may say, from the payload models, and copies of jobs there are."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin

from pydantic.fields import FieldInfo

from oxyq.clock import now_ms
from oxyq.errors import InvalidPayload, NotAllowed
from oxyq.jobs import (
    MAX_ID_CHARACTERS,
    Automation,
    CampaignRequest,
    InboundMessage,
    Milliseconds,
    Payload,
    Text,
    wire,
)
from oxyq.operating.found_job import FoundJob, JobPlace
from oxyq.outcomes import JsonValue
from oxyq.producer import Producer

Kind: TypeAlias = Literal["message", "automation", "campaign"]
"""What can be added by hand; each has the queue of its name."""
FieldType: TypeAlias = Literal["line", "text", "number", "time", "yes-no", "choice", "recipients", "json"]
"""How a person gives a value: on one line, in several, as a whole number, as a time, ticked, chosen, one recipient per
line, or written as JSON."""

MODELS: Final[Mapping[Kind, type[Payload]]] = {
    "message": InboundMessage, "automation": Automation, "campaign": CampaignRequest,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a payload, by its name on the wire; `help` says in English what it means."""

    name: str
    type: FieldType
    is_required: bool
    help: str
    choices: tuple[str, ...] = ()


def form_fields(kind: Kind) -> tuple[FormField, ...]:
    """Everything a job of this kind may say: what it must say first."""
    fields = [_form_field(name, field) for name, field in MODELS[kind].model_fields.items()]
    return tuple(sorted(fields, key=lambda field: not field.is_required))


class NewJobs:
    """Adds jobs; all raise InvalidPayload, IdConflict and QueueUnavailable."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def add(self, kind: Kind, fields: Mapping[str, JsonValue]) -> JobPlace:
        """Add one job; the same fact added before is the same job."""
        match kind:
            case "message":
                return JobPlace(kind, await self._producer.add_message_job(fields))
            case "automation":
                return JobPlace(kind, await self._producer.add_automation_job(fields))
            case "campaign":
                return JobPlace(kind, await self._producer.add_campaign_job(fields))

    async def add_copy(self, job: FoundJob, changes: Mapping[str, JsonValue]) -> JobPlace:
        """Add a job that says the same but for these fields, as a fact of its own; raises NotAllowed."""
        kind, fields = copy_of(job)
        if changes.get("organizationId", job.organization_id) != job.organization_id:
            raise InvalidPayload("organizationId", "cannot be changed; add a job for that organization instead")
        merged = {name: value for name, value in {**fields, **changes}.items() if value is not None}
        return await self.add(kind, merged)


def copy_of(job: FoundJob) -> tuple[Kind, dict[str, JsonValue]]:
    """What a copy of the job says: the same as a new fact, to be sent now where its time is over."""
    for kind, model in MODELS.items():
        if job.payload is not None and type(job.payload) is model:
            known = {field.alias or name for name, field in model.model_fields.items()}
            fields = {name: value for name, value in wire(job.payload).items() if name in known}
            return kind, {**fields, **_FRESH[kind](fields)}
    raise NotAllowed("it cannot be copied")


def _form_field(name: str, field: FieldInfo) -> FormField:
    annotation = _without_none(field.annotation)
    checks = Annotated[annotation, *field.metadata] if field.metadata else annotation
    choices = tuple(str(word) for word in get_args(annotation)) if get_origin(annotation) is Literal else ()
    return FormField(
        field.alias or name, _type(name, annotation, checks), field.is_required(), field.description or "", choices
    )


def _without_none(annotation: Any) -> Any:
    """The type of an optional field."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if type(None) in get_args(annotation) and len(kinds) == 1 else annotation


def _type(name: str, annotation: Any, checks: Any) -> FieldType:
    if name == "recipients":
        return "recipients"
    if Milliseconds in (annotation, checks):
        return "time"
    if Text in (annotation, checks):
        return "text"
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return "choice"
    if annotation is bool:
        return "yes-no"
    if annotation is int:
        return "number"
    return "line" if annotation is str else "json"


def _fresh_id(fields: Mapping[str, JsonValue], name: str) -> str:
    """An id of its own for a copy, that shows of what it is one."""
    mark = f"~{secrets.token_hex(4)}"
    return str(fields[name]).partition("~")[0][: MAX_ID_CHARACTERS - len(mark)] + mark


def _time_to_come(fields: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    at_ms = fields.get(name)
    return {name: at_ms if isinstance(at_ms, int) and at_ms > now_ms() else None}


#: What makes a copy a fact of its own.
_FRESH: Final[Mapping[Kind, Callable[[Mapping[str, JsonValue]], dict[str, JsonValue]]]] = {
    "message": lambda fields: {"messageId": _fresh_id(fields, "messageId"), "timestamp": now_ms()},
    "automation": lambda fields: {
        "automationId": _fresh_id(fields, "automationId"), **_time_to_come(fields, "scheduledFor")
    },
    "campaign": lambda fields: {"campaignId": _fresh_id(fields, "campaignId"), **_time_to_come(fields, "startAt")},
}  # fmt: skip

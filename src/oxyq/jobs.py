"""The payloads of all jobs: camelCase JSON on the wire, small frozen models in Python.

Two ways in. `parse_new` is for what our own callers hand over: strict, unknown fields are refused.
`decode` is for what lies in Redis, perhaps put there by a Node service: unknown fields are kept.
"""

import json
import re
import unicodedata
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b, sha256
from typing import Annotated, Final, Literal, Protocol, TypeAlias, TypeVar

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic.alias_generators import to_camel

from oxyq.errors import InvalidPayload, NewerPayload
from oxyq.numbers import MAX_NUMBER_CHARACTERS, canonical_number, digits, is_hidden, sender_address
from oxyq.outcomes import JsonValue
from oxyq.payload_errors import JSON_FIELDS, TOO_DEEP, invalid_payload, json_type
from oxyq.templates import VARIABLE_NAME, missing_variable, placeholders

VERSION: Final = 1
"""The newest version of payloads that this release reads: `v` on the wire, 1 where there is none (docs/versions.md)."""

MAX_ID_CHARACTERS: Final = 128
MAX_TEXT_CHARACTERS: Final = 4096
"""WhatsApp's own limit for the body of a text message."""
MAX_LABEL_CHARACTERS: Final = 512
MAX_REASON_CHARACTERS: Final = 1000
"""As many as the engine keeps of the reasons it writes itself."""
MAX_RECIPIENTS: Final = 1_000_000
MAX_PARAMETERS: Final = 20
"""Of an approved template; our judgement: its text has at most 1,024 characters."""
MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""For everything but a campaign request: payloads carry ids and text, never files."""

_EARLIEST_MS: Final = 978_307_200_000  # 2001-01-01
_LATEST_MS: Final = 4_102_444_800_000  # 2100-01-01
_TEMPLATE_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
_TEMPLATE_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z0-9]{2,3})?")
_NOT_ON_ONE_LINE: Final = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]")
_MANY_SPACES: Final = " " * 5
_HALF_A_CHARACTER: Final = "has half a character (a lone surrogate); do not cut texts inside an emoji"


# --- checks of single values -------------------------------------------------------------------------------


def _checked_id(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    if len(value) > MAX_ID_CHARACTERS:
        raise ValueError(f"has {len(value)} characters; at most {MAX_ID_CHARACTERS} are taken")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("has control characters, such as a line break; remove them")
    return value


def check_text(value: str) -> str:
    """A text that WhatsApp can send; ValueError says what is wrong with it."""
    if len(value) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"has {len(value)} characters; WhatsApp takes at most {MAX_TEXT_CHARACTERS}")
    return _checked_visible(value)


def check_parameter(value: str) -> str:
    """A parameter of an approved template, as Meta takes it; ValueError says what is wrong with it."""
    _refuse_unsendable(value)
    if not any(_is_visible(character) for character in value):
        raise ValueError("is blank, which Meta refuses; write a text, or in a campaign {{name|a fallback}}")
    if _NOT_ON_ONE_LINE.search(value):
        raise ValueError("has a line break or a tab, which Meta refuses; write it on one line")
    if _MANY_SPACES in value:
        raise ValueError("has more than 4 spaces in a row, which Meta refuses; take some out")
    return value


def check_parameters(values: list[str]) -> list[str]:
    """All of them: they are parts of one text; ValueError says what is wrong with them."""
    together = sum(map(len, values))
    if together > MAX_TEXT_CHARACTERS:
        raise ValueError(f"have {together} characters together; at most {MAX_TEXT_CHARACTERS} are taken")
    return values


def _checked_template_name(value: str) -> str:
    if not _TEMPLATE_NAME.fullmatch(value):
        raise ValueError("is no name of a template; Meta's have 1 to 512 small letters, digits and _")
    return value


def _checked_template_language(value: str) -> str:
    if not _TEMPLATE_LANGUAGE.fullmatch(value):
        raise ValueError("is no language as Meta writes it; write one such as pt_BR or en")
    return value


def _checked_label(value: str) -> str:
    if len(value) > MAX_LABEL_CHARACTERS:
        raise ValueError(f"has {len(value)} characters; at most {MAX_LABEL_CHARACTERS} are taken")
    _refuse_unsendable(value)
    return value


def _checked_reason(value: str) -> str:
    if len(value) > MAX_REASON_CHARACTERS:
        raise ValueError(f"has {len(value)} characters; at most {MAX_REASON_CHARACTERS} are taken")
    return _checked_visible(value)


def _checked_visible(value: str) -> str:
    _refuse_unsendable(value)
    if not any(_is_visible(character) for character in value):
        raise ValueError("must not be blank; write a text")
    return value


def _checked_written_number(value: str) -> str:
    if not 1 <= len(value) <= MAX_NUMBER_CHARACTERS:
        raise ValueError(f"must have 1 to {MAX_NUMBER_CHARACTERS} characters, such as 5511999999999")
    if not _is_unicode(value):
        raise ValueError(_HALF_A_CHARACTER)
    return value


def _checked_variable_name(value: str) -> str:
    if not VARIABLE_NAME.fullmatch(value):
        raise ValueError("is no variable name; use up to 64 letters, digits and _, no digit first")
    return value


def _checked_variable(value: str) -> str:
    if len(value) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"has {len(value)} characters; at most {MAX_TEXT_CHARACTERS} are taken")
    _refuse_unsendable(value)
    return value


def _refuse_unsendable(value: str) -> None:
    if "\0" in value:
        raise ValueError("has a NUL character; remove it")
    if not _is_unicode(value):
        raise ValueError(_HALF_A_CHARACTER)


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_visible(character: str) -> bool:
    # C*: controls and zero-width marks; M*: accents without a letter; Z*: spaces. Cn is what this Python does not know
    # yet: the newest emoji.
    category = unicodedata.category(character)
    return category == "Cn" or category[0] not in "CMZ"


def _checked_time(value: int) -> int:
    if _EARLIEST_MS <= value < _LATEST_MS:
        return value
    if _EARLIEST_MS <= value * 1000 < _LATEST_MS:
        raise ValueError("looks like seconds; multiply by 1000")
    raise ValueError("must be milliseconds since 1970, between the years 2001 and 2100")


def _checked_json(value: pydantic.JsonValue) -> pydantic.JsonValue:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ValueError(_HALF_A_CHARACTER) from None
    except ValueError:
        raise ValueError("has NaN or Infinity, which JSON has not; use null") from None
    return value


Id = Annotated[str, AfterValidator(_checked_id)]
Text = Annotated[str, AfterValidator(check_text)]
_Reason = Annotated[str, AfterValidator(_checked_reason)]
Number = Annotated[str, AfterValidator(digits)]
SenderAddress = Annotated[str, AfterValidator(sender_address)]
_WrittenNumber = Annotated[str, AfterValidator(_checked_written_number)]
Milliseconds = Annotated[int, AfterValidator(_checked_time)]
Variables = Annotated[
    dict[
        Annotated[str, AfterValidator(_checked_variable_name)],
        Annotated[str, AfterValidator(_checked_variable)],
    ],
    Field(description='an object of texts, such as {"name": "Ana"}'),
]
_Metadata = Annotated[dict[str, pydantic.JsonValue], AfterValidator(_checked_json)]
_Data = Annotated[pydantic.JsonValue, AfterValidator(_checked_json)]

OrganizationId = Annotated[Id, Field(description="the id of the organization (tenant)")]
_Label = Annotated[str, AfterValidator(_checked_label)]
InstanceId = Annotated[Id, Field(description="the id of the WhatsApp number that sends and receives")]


# --- the payloads ------------------------------------------------------------------------------------------

WIRE_CONFIG: Final = ConfigDict(
    frozen=True,
    strict=True,  # "5" is not 5, and true is not 1
    extra="allow",  # kept from Redis; `parse_new` refuses them
    alias_generator=to_camel,
    populate_by_name=True,
)


class Payload(BaseModel):
    """What a job carries: a business fact with a deterministic id."""

    model_config = WIRE_CONFIG

    @abstractmethod
    def job_id(self) -> str:
        """The job's id, made of business facts only: the same fact twice is the same job."""

    def fingerprint(self) -> str:
        """32 hex digits that are equal for equal data, in whatever order its fields were written."""
        # ASCII, so that a lone surrogate in an unknown field cannot stop us.
        canonical = json.dumps(wire(self), sort_keys=True, separators=(",", ":"))
        return blake2b(canonical.encode(), digest_size=16).hexdigest()


MessageType: TypeAlias = Literal[
    "text", "image", "video", "audio", "document", "sticker", "location", "contact", "button", "list", "flow", "unknown"
]
"""What kind of message somebody wrote; `button`, `list` and `flow` are what they chose of what we had offered."""


class InboundMedia(BaseModel):
    """A file that came with a message, and stays where it is: its type, its size in bytes, its length in seconds."""

    model_config = WIRE_CONFIG

    mimetype: _Label
    size: int | None = Field(default=None, ge=0)
    file_name: _Label | None = None
    seconds: int | None = Field(default=None, ge=0)
    is_voice: bool | None = None
    id: _Label | None = Field(default=None, description="the gateway's id of the file")


class InboundMessage(Payload):
    """Someone wrote to one of an organization's numbers.

    What stands below `timestamp` is told by gateways that know it; `content` is then the text, the caption, what was
    chosen, or a word such as "[áudio]".
    """

    organization_id: OrganizationId
    instance_id: InstanceId
    sender: SenderAddress = Field(
        alias="from",
        description="the number that wrote, such as 5511999999999@c.us, or the id that hides it, such as 123456789@lid",
    )
    content: Text = Field(description="the text of the message")
    message_id: Id = Field(description="WhatsApp's id of the message")
    timestamp: Milliseconds = Field(description="when it was written, in ms since 1970")

    chat_id: Id | None = Field(default=None, description="the gateway's own address of the chat")
    lid: Id | None = Field(default=None, description="WhatsApp's hidden id of the person")
    bsuid: Id | None = Field(default=None, description="Meta's business-scoped id of the person")
    participant: Id | None = Field(default=None, description="who wrote it, in a group")
    is_group: bool | None = None
    push_name: _Label | None = Field(default=None, description="the name the person goes by")
    type: MessageType | None = None
    reply_id: _Label | None = Field(default=None, description="the id of the button or row that was chosen")
    quoted_id: Id | None = Field(default=None, description="the message this one answers")
    media: InboundMedia | None = None
    is_replayed: bool | None = Field(default=None, description="it had waited until the number was online again")
    is_cut: bool | None = Field(default=None, description="`content` is only the beginning")

    @pydantic.field_serializer("sender")
    def _as_whatsapp_writes_it(self, sender: str) -> str:
        return sender if is_hidden(sender) else f"{sender}@c.us"

    def job_id(self) -> str:
        """One job per WhatsApp message id, instance and organization, and of a gateway that tells it, chat.

        An id is not unique by itself among the people of a group. The bridge makes the same id in Node (bridge/).
        """
        if self.chat_id is None:
            return _job_id("msg", self.organization_id, self.instance_id, self.message_id)
        chat = self.chat_id if self.is_group else self.sender
        facts = (self.organization_id, self.instance_id, chat, self.participant or "", self.message_id)
        # SHA-256, which Node has; the other ids are made with a hash that it has not.
        return f"msg-{_hashed(sha256(), facts)[:32]}"


class MetaTemplate(BaseModel):
    """A template that Meta approved, with the texts that fill the placeholders of its body, in their order.

    Source: Meta's pages on message templates (names, languages) and on its error codes (parameters).
    """

    model_config = WIRE_CONFIG

    name: Annotated[str, AfterValidator(_checked_template_name)] = Field(
        description="its name at Meta, such as promo_banho"
    )
    language: Annotated[str, AfterValidator(_checked_template_language)] = Field(
        description="its language as Meta writes it, such as pt_BR"
    )
    parameters: Annotated[list[Annotated[str, AfterValidator(check_parameter)]], AfterValidator(check_parameters)] = (
        Field(
            default_factory=list,
            max_length=MAX_PARAMETERS,
            description="the texts for {{1}}, {{2}} …; in a campaign with {{name}} for variables",
        )
    )


class Automation(Payload):
    """A reminder or follow-up to one person, now or at `scheduled_for`."""

    automation_id: Id = Field(description="your id of this automation")
    organization_id: OrganizationId
    type: Id = Field(description='what kind it is, such as "reminder"')
    recipient_number: Number = Field(description="whom to write to, such as 5511999999999")
    content: Text = Field(description="the text to send")
    scheduled_for: Milliseconds | None = Field(default=None, description="when to send it, in ms since 1970")
    metadata: _Metadata | None = Field(default=None, description="an object of your own, kept with the job")
    instance_id: InstanceId | None = None
    transactional: bool | None = Field(
        default=None, description="true for what a person waits for, such as a code: it goes out at night too"
    )
    grace_minutes: int | None = Field(
        default=None, ge=0, le=10_080, description="how late it may still be sent when it could not be at its time"
    )
    meta_template: MetaTemplate | None = Field(
        default=None, description="what goes out instead of `content` where Meta's templates can be sent"
    )

    def job_id(self) -> str:
        """One job per automation, recipient and time."""
        time = "" if self.scheduled_for is None else str(self.scheduled_for)
        return _job_id("auto", self.organization_id, self.automation_id, self.recipient_number, time)


class CampaignRecipient(BaseModel):
    """A recipient with variables of their own, which go before the campaign's."""

    model_config = WIRE_CONFIG

    number: _WrittenNumber = Field(description="a number, such as 5511999999999")
    variables: Variables = Field(default_factory=dict)


def _recipient_shape(value: object) -> str:
    return "<number>" if isinstance(value, str) else "<row>"


# The tags keep pydantic from reporting a wrong element twice, once for each shape.
_Recipient = Annotated[
    Annotated[_WrittenNumber, Tag("<number>")] | Annotated[CampaignRecipient, Tag("<row>")],
    Discriminator(_recipient_shape),
]


class CampaignContent(Payload):
    """What a campaign says, and when it begins; to whom is said by what comes with it, or later."""

    campaign_id: Id = Field(description="your id of this campaign")
    organization_id: OrganizationId
    template: Text = Field(description="the text to send, with {{name}} for variables")
    variables: Variables = Field(default_factory=dict)
    instance_id: InstanceId | None = None
    start_at: Milliseconds | None = Field(default=None, description="when to begin, in ms since 1970; without it, now")
    meta_template: MetaTemplate | None = Field(
        default=None,
        description="what goes out where Meta's templates can be sent; `template` is then what people will read",
    )

    @pydantic.model_validator(mode="after")
    def _has_sound_templates(self) -> "CampaignContent":
        for field, text in self.texts():
            try:
                placeholders(text)
            except InvalidPayload as error:
                raise InvalidPayload(field, error.problem) from None
        return self

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each text that is rendered for each recipient, behind the field it stands in: `template` first."""
        yield "template", self.template
        for at, parameter in enumerate(self.meta_template.parameters if self.meta_template else ()):
            yield f"metaTemplate.parameters[{at}]", parameter

    def job_id(self) -> str:
        """One job per campaign of an organization."""
        return _job_id("camp", self.organization_id, self.campaign_id)


class CampaignRequest(CampaignContent):
    """One template for many recipients; planned into one `CampaignSend` for each.

    The numbers stay as they were written: a list of thousands always holds some that are none, and planning
    counts and lists them. Only a request without a single good number is refused.
    """

    # Stops at the first bad element: a million error reports would fill the memory.
    recipients: list[_Recipient] = Field(
        min_length=1,
        max_length=MAX_RECIPIENTS,
        fail_fast=True,
        description='a list of numbers, or of {"number": "5511999999999", "variables": {…}}',
    )

    @pydantic.model_validator(mode="after")
    def _can_be_planned(self) -> "CampaignRequest":
        self._refuse_only_bad_numbers()
        self._refuse_missing_variables()
        return self

    def _refuse_only_bad_numbers(self) -> None:
        first_problem = None
        for number, _ in self.people():
            try:
                canonical_number(number)
                return
            except InvalidPayload as error:
                first_problem = first_problem or error.problem
        at_row = ".number" if isinstance(self.recipients[0], CampaignRecipient) else ""
        raise InvalidPayload(f"recipients[0]{at_row}", f"{first_problem} (and so it is with all recipients)")

    def _refuse_missing_variables(self) -> None:
        needed = [
            (name, field) for field, text in self.texts() for name in placeholders(text) if name not in self.variables
        ]
        if not needed:
            return
        for number, variables in self.people():
            for name, field in needed:
                if name not in variables:
                    raise InvalidPayload(field, missing_variable(name, number).problem)

    def people(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Each recipient's number as it was written, and the recipient's own variables."""
        for recipient in self.recipients:
            if isinstance(recipient, str):
                yield recipient, {}
            else:
                yield recipient.number, recipient.variables


class CampaignRun(Payload):
    """The job that takes a campaign along: plans it, releases its sends, sees it end. Ours alone."""

    kind: Literal["campaign.run"] = "campaign.run"
    v: Literal[1] = 1
    campaign_id: Id
    organization_id: OrganizationId
    generation: int = Field(default=0, ge=0)
    """Counts up each time a campaign is started or resumed; only the latest run works."""

    def job_id(self) -> str:
        """One job per campaign and generation."""
        return _job_id("run", self.organization_id, self.campaign_id, str(self.generation))


class CampaignSend(Payload):
    """One message of a campaign, rendered and frozen: our own job in the campaign queue."""

    kind: Literal["campaign.send"] = "campaign.send"
    v: Literal[1] = 1
    campaign_id: Id
    organization_id: OrganizationId
    recipient: Number
    text: Text
    step: int = Field(default=0, ge=0, le=1000)
    instance_id: InstanceId | None = None
    slot: Milliseconds | None = None
    """The time that was reserved for it among what its number may send."""
    again: int | None = Field(default=None, ge=1, le=1000)
    """How often it was asked for again after it had failed: another job, but the same message."""
    meta_template: MetaTemplate | None = None
    """What goes out instead of `text` where Meta's templates can be sent; its parameters are rendered too."""

    def job_id(self) -> str:
        """One job per campaign, recipient and step, and one more each time it is asked for again."""
        return send_job_id(self.organization_id, self.campaign_id, self.recipient, self.step, self.again or 0)

    def message_key(self) -> str:
        """What it is in the ledger: the same message, however many jobs it takes."""
        return f"{send_job_id(self.organization_id, self.campaign_id, self.recipient, self.step)}/{self.step}"


class PersonReply(Payload):
    """What somebody of the organization writes in a chat by us: our own job in the message queue."""

    kind: Literal["person.reply"] = "person.reply"
    v: Literal[1] = 1
    reply_id: Id = Field(description="your id of it; the same one again is the same message")
    organization_id: OrganizationId
    instance_id: InstanceId
    recipient: SenderAddress = Field(description="the number or hidden id of the chat")
    text: Text = Field(description="the text to send")
    by: Id = Field(description="who writes it")

    def job_id(self) -> str:
        """One job per id in a chat."""
        return _job_id("reply", self.organization_id, self.instance_id, self.recipient, self.reply_id)

    def message_key(self) -> str:
        """What it is in the ledger, and in the chat's history."""
        return f"{self.job_id()}/0"


class NewDeadLetter(Payload):
    """A dead letter that somebody writes by hand, for a job the queue itself did not bury."""

    original_queue: Id = Field(description='the queue the job was in, such as "message"')
    original_job_id: Id = Field(description="the job's id")
    failed_reason: _Reason = Field(description="why it is given up, in a few words")
    data: _Data = Field(default=None, description="the job's data")
    original_job_name: Id | None = None
    organization_id: OrganizationId | None = None

    def job_id(self) -> str:
        """One dead letter per job."""
        return f"dlq-{self.original_queue}-{self.original_job_id}"


AnyPayload: TypeAlias = InboundMessage | PersonReply | Automation | CampaignRequest | CampaignRun | CampaignSend

_MODELS: Final[Mapping[str, tuple[type[AnyPayload], Mapping[str, type[AnyPayload]]]]] = {
    "message": (InboundMessage, {"person.reply": PersonReply}),
    "automation": (Automation, {}),
    "campaign": (CampaignRequest, {"campaign.run": CampaignRun, "campaign.send": CampaignSend}),
}
"""For each queue what a job carries that names no kind, which anybody may add, and our own kinds."""


class _Hash(Protocol):
    """What the hashes of hashlib share."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def _job_id(kind: str, *facts: str) -> str:
    # Hashed, because a tenant chose them, and BullMQ mistakes an id such as "active" for a key of its own.
    # Length before each part, so that ("a", "bc") and ("ab", "c") differ.
    return f"{kind}-{_hashed(blake2b(digest_size=16), facts)}"


def _hashed(hashed: _Hash, facts: Iterable[str]) -> str:
    for fact in facts:
        encoded = fact.encode()
        hashed.update(b"%d:" % len(encoded) + encoded)
    return hashed.hexdigest()


def send_job_id(organization_id: str, campaign_id: str, recipient: str, step: int = 0, again: int = 0) -> str:
    """The id of a campaign's send job."""
    facts = (organization_id, campaign_id, recipient, str(step))
    return _job_id("send", *facts, f"again {again}") if again else _job_id("send", *facts)


def wire(payload: BaseModel) -> dict[str, JsonValue]:
    """The payload as camelCase JSON, without fields that are not set."""
    dumped: dict[str, JsonValue] = payload.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


# --- the two ways in ---------------------------------------------------------------------------------------

Model = TypeVar("Model", bound=BaseModel)


def parse_new(model: type[Model], value: Mapping[str, object] | BaseModel | None = None, **fields: object) -> Model:
    """A payload from our own caller: a mapping, a model, keywords, or a mapping changed by keywords.

    Field names may be camelCase or Python's. InvalidPayload names every wrong, missing or unknown field.
    """
    given = wire(value) if isinstance(value, BaseModel) else value
    merged = _by_wire_name(model, given) | _by_wire_name(model, fields)
    return _validated(model, merged, extra="forbid")


def decode(queue_name: str, data: JsonValue) -> AnyPayload:
    """The payload of a job that was read from Redis, whatever the job's name is.

    The queue decides which model it must fit, and in `campaign` and `message` `kind`. InvalidPayload if it is none;
    NewerPayload if a newer release wrote it.
    """
    if queue_name not in _MODELS:
        raise InvalidPayload("queue", f"there is no queue {queue_name!r}; use message, automation or campaign")
    unnamed, kinds = _MODELS[queue_name]
    version, kind = (data.get("v"), data.get("kind")) if isinstance(data, dict) else (None, None)
    if type(version) is int and version > VERSION:
        raise NewerPayload("v", f"is {version}, and this release reads {VERSION} at most; newer workers take it")
    model = kinds.get(kind) if isinstance(kind, str) else None
    try:
        return parse_stored(model or unnamed, data)
    except InvalidPayload:
        # With a field `kind` of somebody's own it may still be what anybody may add.
        if model is None and kinds and isinstance(kind, str):
            raise NewerPayload(
                "kind", f"is {kind[:40]!r}, which this release does not know; newer workers do"
            ) from None
        raise


def parse_stored(model: type[Model], data: JsonValue) -> Model:
    """A model from JSON read from Redis, its unknown fields kept; InvalidPayload if it does not fit."""
    return _validated(model, data, extra="allow")


def _validated(model: type[Model], data: object, extra: Literal["allow", "forbid"]) -> Model:
    try:
        payload = model.model_validate(data, extra=extra, by_alias=True, by_name=False)
    except pydantic.ValidationError as error:
        raise invalid_payload(model, error) from None
    _refuse_oversize(payload)
    return payload


def _by_wire_name(model: type[BaseModel], value: object) -> dict[object, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidPayload("payload", f"must be an object with fields, not {json_type(value)}")
    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    renamed: dict[object, object] = {}
    for name, content in value.items():
        wire_name = aliases.get(name, name)
        if wire_name in renamed:
            raise InvalidPayload(str(wire_name), "is given twice, under both its names; keep one")
        renamed[wire_name] = content
    return renamed


def _refuse_oversize(payload: BaseModel) -> None:
    # Without fields of free size the bounds of the others keep a payload far below the limit.
    if not payload.model_extra and all(getattr(payload, name, None) is None for name in JSON_FIELDS):
        return
    try:
        written = json.dumps(wire(payload), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        raise InvalidPayload("payload", TOO_DEEP) from None
    size = len(written.encode(errors="surrogatepass"))
    if size > MAX_PAYLOAD_BYTES and isinstance(payload, Payload) and not isinstance(payload, CampaignRequest):
        raise InvalidPayload(
            "payload",
            f"has {size} bytes as JSON; at most {MAX_PAYLOAD_BYTES} are taken, so keep big things elsewhere "
            "and send a reference",
        )

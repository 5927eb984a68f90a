"""How an organization's chats are answered: what its settings may say, checked."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, model_validator

from oxyq.jobs import WIRE_CONFIG, Text

LONGEST_PROMPT: Final = 16_000


class ConversationSettings(BaseModel):
    """Bursts, take-over, staleness and memory of an organization's chats."""

    model_config = WIRE_CONFIG

    quiet_seconds: float = Field(
        default=1.5, ge=0, le=30, description="how long a person must be silent before we answer; 0 answers at once"
    )
    longest_wait_seconds: float = Field(
        default=8.0, ge=0, le=120, description="and how long the first message of a burst waits at most"
    )
    stale_minutes: int = Field(
        default=15, ge=1, le=1440, description="older messages are not answered by us but handed to a person"
    )
    person_minutes: int = Field(
        default=30, ge=1, le=10_080, description="how long we are silent after a person has written"
    )
    history_messages: int = Field(default=40, ge=0, le=500, description="messages of both sides that are remembered")
    history_days: int = Field(default=30, ge=1, le=90, description="and for how long")

    @model_validator(mode="after")
    def _waits_long_enough(self) -> "ConversationSettings":
        if self.longest_wait_seconds < self.quiet_seconds:
            raise ValueError("has a longestWaitSeconds shorter than its quietSeconds; make it longer")
        return self


class Rule(BaseModel):
    """A fixed answer: to whole messages, to words that a message holds, or to a button or row that was chosen."""

    model_config = WIRE_CONFIG

    messages: list[Text] = Field(default_factory=list, max_length=50, description="whole messages, such as 1 or menu")
    words: list[Text] = Field(default_factory=list, max_length=50, description="words or phrases that a message holds")
    reply_ids: list[Text] = Field(default_factory=list, max_length=50, description="ids of buttons or rows")
    answer: Text = Field(description="what to answer")
    hands_off: bool = Field(default=False, description="whether a person takes over after it")

    @model_validator(mode="after")
    def _has_a_trigger(self) -> "Rule":
        if not (self.messages or self.words or self.reply_ids):
            raise ValueError("has nothing that triggers it; give messages, words or replyIds")
        return self


Provider: TypeAlias = Literal["openai", "anthropic"]


def _checked_model(name: str) -> str:
    if not 1 <= len(name) <= 128 or not name.isprintable() or name != name.strip():
        raise ValueError("must be the name of a model, 1 to 128 printable characters")
    return name


class ModelChoice(BaseModel):
    """Which model of which provider; where it is and the key for it are the installation's."""

    model_config = WIRE_CONFIG

    provider: Provider
    model: Annotated[str, AfterValidator(_checked_model)]


class AiSettings(BaseModel):
    """A language model that answers what no rule and no question of the list does."""

    model_config = WIRE_CONFIG

    model: ModelChoice
    fallback: ModelChoice | None = Field(default=None, description="who answers when the first cannot")
    prompt: str = Field(max_length=LONGEST_PROMPT, description="who it is and what it may say")
    timeout_seconds: float = Field(default=20.0, ge=1, le=50, description="for one answer, the fallback included")
    answer_tokens: int = Field(default=400, ge=16, le=4096, description="of one answer at most")
    daily_tokens: int | None = Field(
        default=None, ge=1000, description="of the organization in a day; beyond it, people answer"
    )
    history_messages: int = Field(default=20, ge=0, le=100, description="how much of the chat it is told")

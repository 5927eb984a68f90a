"""What is said over HTTP about somebody's consent to campaigns."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.jobs import WIRE_CONFIG, Text


class Wish(BaseModel):
    """That somebody wants campaigns, or none, as you were told of it."""

    model_config = WIRE_CONFIG

    words: Text = Field(default="", description="what the person said, for the record; 200 characters are kept")


class ConsentRecord(BaseModel):
    """What is on record; of who never said anything about it, all but `number` and `isOut` is null."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    number: str = Field(examples=["5511988888888"])
    is_out: bool = Field(description="whether campaigns leave this person out")
    at: int | None = Field(description="since when, in ms since 1970", examples=[1795377084000])
    source: str | None = Field(description="where it came from", examples=["api:shop"])
    words: str | None = Field(description="in what words; may be empty", examples=["não quero mais"])

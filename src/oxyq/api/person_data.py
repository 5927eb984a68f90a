"""What is said over HTTP about a person's data."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from oxyq.jobs import WIRE_CONFIG


class EraseOrder(BaseModel):
    """How a person is erased."""

    model_config = WIRE_CONFIG

    forget_opt_out: bool = Field(
        default=False, description="keep no fingerprint either, by which who wants no campaigns is not written to again"
    )


class Held(BaseModel):
    """Everything that is held about one person, as it lies in Redis."""

    model_config = WIRE_CONFIG

    format: str = Field(examples=["oxyq-person-1"])
    organization_id: str
    addresses: list[str] = Field(description="the numbers and hidden ids under which they are known")
    at: int = Field(description="when it was read, in ms since 1970")
    held: list[Any] = Field(description="each thing: its class, the kind of key, the key and what stands there")
    mentioned_elsewhere: Mapping[str, int] = Field(description="things about others that mention them, by class")

"""What is to be answered: what a person wrote in one go, and what was said before."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from oxyq.organizations import Organization

Author: TypeAlias = Literal["them", "us", "person"]
"""`us`: written by Oxyq. `person`: by somebody of the organization, on the phone."""


@dataclass(frozen=True, slots=True)
class Line:
    """One earlier message of the chat; `at_ms` is ms since 1970."""

    author: Author
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A burst of messages of one person, oldest first, with the chat before them, oldest first."""

    organization: Organization
    contact: str
    texts: tuple[str, ...]
    reply_id: str | None = None
    """The id of the button or row that was chosen."""
    history: tuple[Line, ...] = ()

    @property
    def text(self) -> str:
        """The whole burst."""
        return "\n".join(self.texts)

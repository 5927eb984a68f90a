"""What a failed question to a language model means: later, or never. Imports `pydantic_ai`: see llm.py."""

from dataclasses import dataclass
from typing import Final

from pydantic_ai import exceptions as ai


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no answer came, in a word that holds nothing of what was written; seconds the other side asks to wait."""

    reason: str
    is_temporary: bool
    retry_after: float | None = None


#: The first that fits.
_MEANINGS: Final[tuple[tuple[type[Exception], str, bool], ...]] = (
    (ai.ModelQuotaExceededError, "quota_used_up", False),
    (ai.ModelRateLimitError, "rate_limited", True),
    (ai.ModelUnavailableError, "unavailable", True),
    (ai.ModelServerError, "server_error", True),
    (ai.ModelConnectionError, "not_reached", True),
    (ai.ModelRequestTimeout, "too_slow", True),
    (TimeoutError, "too_slow", True),
    (ai.ModelAuthenticationError, "key_refused", False),
    (ai.ModelNotFoundError, "model_unknown", False),
    (ai.ModelRequestRejectedError, "request_refused", False),
    (ai.ModelHTTPError, "request_refused", False),
    (ai.ContentFilterError, "content_filtered", False),
    (ai.UsageLimitExceeded, "too_many_steps", False),
    (ai.AgentRunError, "garbage", False),
)
#: Timeout, conflict, too early: the makers' own clients try these again, too.
_STATUSES_OF_THE_MOMENT: Final = frozenset({408, 409, 425})
FAILURES: Final = (ai.AgentRunError, TimeoutError)
NOTHING_WRITTEN: Final = Failure("nothing_written", is_temporary=False)


def failure_of(error: Exception) -> Failure:
    """What one of FAILURES means."""
    if isinstance(error, ai.ModelHTTPError) and error.status_code in _STATUSES_OF_THE_MOMENT:
        return Failure("unavailable", True, error.retry_after)
    reason, is_temporary = next((reason, again) for kind, reason, again in _MEANINGS if isinstance(error, kind))
    wait = error.retry_after if isinstance(error, ai.ModelAPIError) and is_temporary else None
    return Failure(reason, is_temporary, wait)

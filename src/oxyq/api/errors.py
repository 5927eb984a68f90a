"""Every refusal and every failure as one JSON shape, with no traceback and nothing of what was sent."""

import errno
import json
import traceback
from collections.abc import Mapping
from typing import Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from oxyq.access.attempts import TooManyAttempts
from oxyq.errors import (
    IdConflict,
    InvalidPayload,
    MemoryFull,
    NotAllowed,
    NotFound,
    OrganizationMoving,
    OxyqError,
    QueueUnavailable,
    QuotaExceeded,
)

RETRY_AFTER_SECONDS: Final = 2
"""About how long Redis needs to come back after a restart."""
AWAY: Final = "queue_unavailable"
"""The code of what Redis did not take or give; the same may be sent again."""
REPEAT_IS_SAFE: Final = "send the same request again, it will be one job however often it is sent"

_ROUTING_WORDS: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not_found", "there is nothing at this address; see /docs"),
    405: ("method_not_allowed", "this address does not take this method; the header Allow has those it takes"),
}


class Problem(BaseModel):
    """One thing that is wrong with one field."""

    field: str
    message: str


class ErrorDetail(BaseModel):
    """What went wrong, for programs (`code`) and for people (`message`)."""

    code: str = Field(description="never changes, such as `invalid_payload`")
    message: str = Field(description="what is wrong and how to correct it")
    field: str | None = Field(default=None, description="the first field that is wrong, as it is written in the body")
    problems: list[Problem] | None = Field(default=None, description="everything that is wrong, when there is more")
    request_id: str = Field(alias="requestId", description="also in the header X-Request-Id and in our log")


class ErrorBody(BaseModel):
    """Every answer that is not a success."""

    error: ErrorDetail


class ApiError(Exception):
    """A refusal of the HTTP door itself: its status, a stable code, a sentence that names the fix."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def answer_errors(api: FastAPI) -> None:
    """Make `api` answer everything that is raised on purpose in the one shape."""

    async def respond(request: Request, error: Exception) -> Response:
        return error_response(as_api_error(error), _request_id(request), fields=_fields(error))

    for kind in (ApiError, OxyqError, HTTPException, RequestValidationError):
        api.add_exception_handler(kind, respond)


def as_api_error(error: Exception) -> ApiError:
    """How an error is told to the caller; what we did not expect says nothing but that."""
    match error:
        case ApiError():
            return error
        case InvalidPayload():
            return ApiError(422, "invalid_payload", _first_problem(error))
        case IdConflict():
            return ApiError(409, "id_conflict", str(error))
        case NotFound():
            return ApiError(404, "not_found", str(error))
        case NotAllowed():
            return ApiError(409, "not_allowed", str(error))
        case TooManyAttempts():
            return _later(429, "too_many_attempts", error)
        case QuotaExceeded():
            return _later(429, "quota_exceeded", error)
        case MemoryFull():
            return _later(503, "memory_full", error)
        case OrganizationMoving():
            return _later(503, "organization_moving", error)
        case QueueUnavailable():
            return unavailable(
                f"Redis did not take or give it in time, so nobody knows whether it did; {REPEAT_IS_SAFE}"
            )
        case HTTPException():
            return _routing_error(error)
        case RequestValidationError():
            return ApiError(422, "invalid_request", "the address or its parameters are wrong; see /docs")
        case OSError(errno=errno.EMFILE | errno.ENFILE):
            return unavailable(f"this process has too many files and connections open; {REPEAT_IS_SAFE}")
        case _:
            return ApiError(500, "internal_error", "something failed on our side; the log has it under this requestId")


def unavailable(message: str) -> ApiError:
    """503 with the time after which another try is worth it."""
    return ApiError(503, AWAY, message, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _later(
    status: int, code: str, error: TooManyAttempts | QuotaExceeded | MemoryFull | OrganizationMoving
) -> ApiError:
    return ApiError(status, code, str(error), headers={"Retry-After": str(error.retry_after_seconds)})


def error_response(error: ApiError, request_id: str, fields: Mapping[str, object] | None = None) -> Response:
    """The JSON answer."""
    detail = {"code": error.code, "message": error.message, **(fields or {}), "requestId": request_id}
    # A name of a field may hold half a character; backslashreplace writes it as JSON does.
    body = json.dumps({"error": detail}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return Response(body, error.status, error.headers, media_type="application/json")


def log_unexpected(error: Exception, method: str, route: str, request_id: str) -> None:
    """One line about a failure of ours: what and where, but not its text, which may hold a message."""
    if isinstance(error.__cause__, OxyqError):
        error = error.__cause__  # it broke an answer off, and the framework wrapped it
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    structlog.get_logger().error(
        "http.failed", method=method, route=route, request=request_id, error=type(error).__qualname__,
        where=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
    )  # fmt: skip


def _routing_error(error: HTTPException) -> ApiError:
    code, message = _ROUTING_WORDS.get(error.status_code, ("http_error", str(error.detail)))
    return ApiError(error.status_code, code, message, headers=error.headers)


def _first_problem(error: InvalidPayload) -> str:
    more = f" (and {len(error.more)} more, see problems)" if error.more else ""
    return f"{error.field}: {error.problem}{more}"


def _fields(error: Exception) -> dict[str, object]:
    if not isinstance(error, InvalidPayload):
        return {}
    return {
        "field": error.field,
        "problems": [{"field": field, "message": problem} for field, problem in error.problems],
    }


def _request_id(request: Request) -> str:
    request_id: str = request.state.request_id
    return request_id

"""Every answer has an id and safe headers; every failure is one JSON shape that gives nothing away."""

import errno

import httpx
import pytest
import structlog
from fastapi import FastAPI
from structlog.testing import CapturingLogger

from oxyq.api.application import create_api
from oxyq.app import open_app
from oxyq.errors import IdConflict, InvalidPayload, NotAllowed, NotFound, QueueUnavailable
from oxyq.settings import Settings
from tests.unit.api.without_redis import without_redis

MESSAGE = {"organizationId": "org_123", "content": "Oi"}
SAFE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize("path", ["/health", "/docs", "/openapi.json", "/nowhere", "/v1/messages"])
async def test_every_answer_has_an_id_and_safe_headers(client: httpx.AsyncClient, path: str) -> None:
    first, second = [await client.get(path, headers={"X-Request-Id": "mine\tforged"}) for _ in range(2)]

    assert first.headers.items() >= SAFE.items()
    assert "default-src 'none'" in first.headers["content-security-policy"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert "forged" not in str(first.headers)
    assert "server" not in first.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://oxyq.test.evil.example"},
        {"Origin": "http://oxyq.test:8080"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
    ids=str,
)
async def test_pages_of_other_sites_change_nothing(
    client: httpx.AsyncClient, token: dict[str, str], headers: dict[str, str]
) -> None:
    answer = await client.post("/v1/messages", json={}, headers={**token, **headers})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://oxyq.test"},
        {"Origin": "https://oxyq.test"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
async def test_our_own_page_and_programs_may(
    client: httpx.AsyncClient, token: dict[str, str], headers: dict[str, str]
) -> None:
    assert (await client.post("/v1/messages", json={}, headers={**token, **headers})).status_code == 422


async def test_two_lengths_of_one_body_are_refused(client: httpx.AsyncClient, token: dict[str, str]) -> None:
    """Proxies and servers that read different ones are how requests get smuggled."""
    answer = await client.post(
        "/v1/messages", json=MESSAGE, headers={**token, "Content-Length": "2", "Transfer-Encoding": "chunked"}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ambiguous_length")
    assert answer.headers["connection"] == "close"


# --- failures -----------------------------------------------------------------------------------------------


class Failing:
    """A producer that ends as it is told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def add_message_job(self, *_: object, **__: object) -> str:
        raise self.error


async def answer_when(settings: Settings, token: dict[str, str], error: Exception) -> httpx.Response:
    async with open_app(settings) as app:
        app.producer = Failing(error)  # type: ignore[assignment]
        transport = httpx.ASGITransport(create_api(without_redis(app)))
        async with httpx.AsyncClient(transport=transport, base_url="http://oxyq.test") as client:
            return await client.post("/v1/messages", json=MESSAGE, headers=token)


@pytest.mark.parametrize(
    ("error", "status", "code", "in_message"),
    [
        (InvalidPayload("content", "must not be blank"), 422, "invalid_payload", "content: must not be blank"),
        (IdConflict("msg-1"), 409, "id_conflict", "msg-1"),
        (NotFound("there is no such thing"), 404, "not_found", "no such thing"),
        (NotAllowed("campaign c is over"), 409, "not_allowed", "campaign c is over"),
        (QueueUnavailable("Redis at 10.0.0.7:6379 …"), 503, "queue_unavailable", "send the same request again"),
        (TimeoutError(), 503, "queue_unavailable", "it will be one job"),
        (OSError(errno.EMFILE, "Too many open files"), 503, "queue_unavailable", "too many files"),
    ],
)
async def test_each_kind_of_error_has_its_status_and_code(
    settings: Settings, token: dict[str, str], error: Exception, status: int, code: str, in_message: str
) -> None:
    answer = await answer_when(settings, token, error)

    body = answer.json()["error"]
    assert (answer.status_code, body["code"]) == (status, code)
    assert in_message in body["message"]
    assert "10.0.0.7" not in answer.text
    assert body["requestId"] == answer.headers["x-request-id"]
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_an_invalid_payload_names_every_field(settings: Settings, token: dict[str, str]) -> None:
    answer = await answer_when(settings, token, InvalidPayload("a", "is wrong", [("b[0].\udc80", "too")]))

    error = answer.json()["error"]
    assert error["message"] == "a: is wrong (and 1 more, see problems)"
    assert error["field"] == "a"
    assert error["problems"] == [{"field": "a", "message": "is wrong"}, {"field": "b[0].\udc80", "message": "too"}]


async def test_a_failure_of_ours_is_logged_once_under_the_id_that_the_caller_has(
    settings: Settings, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(structlog, "get_logger", lambda: log)

    answer = await answer_when(settings, token, RuntimeError("secret of Ana: 5511999999999"))

    error = answer.json()["error"]
    assert answer.status_code == 500
    assert set(error) == {"code", "message", "requestId"}
    assert error["code"] == "internal_error"
    assert "Ana" not in answer.text
    assert "Traceback" not in answer.text
    [line] = log.calls
    assert (line.method_name, line.args) == ("error", ("http.failed",))
    assert line.kwargs["request"] == error["requestId"]
    assert (line.kwargs["method"], line.kwargs["route"]) == ("POST", "/v1/messages")
    assert line.kwargs["error"] == "RuntimeError"
    assert any("test_answers.py" in where for where in line.kwargs["where"])
    assert "Ana" not in str(line.kwargs)


async def test_refusals_are_no_failures_and_leave_no_log(
    api: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(structlog, "get_logger", lambda: log)

    for path in ("/nowhere", "/v1/messages", "/v1/jobs/message/x"):
        await client.get(path)
        await client.post(path, content=b"{", headers={"Origin": "null"})

    assert log.calls == []

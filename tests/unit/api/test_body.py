"""A body is taken when it is JSON, says so, is whole, and is not too big."""

from collections.abc import AsyncIterator

import httpx
import pytest

from oxyq.api.body import BODY_BYTES, CAMPAIGN_BODY_BYTES

CAP = 64 * 1024
LENGTH = "Content-Length"


async def post(
    client: httpx.AsyncClient,
    token: dict[str, str],
    content: bytes | AsyncIterator[bytes],
    path: str = "/v1/messages",
    **headers: str,
) -> tuple[int, str, str]:
    """Status, code and message of the answer."""
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = await client.post(path, content=content, headers={**token, **given})
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def test_the_caps_are_the_documented_ones() -> None:
    assert (BODY_BYTES, CAMPAIGN_BODY_BYTES) == (CAP, 16 * 1024 * 1024)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        'application/json; charset="utf-8"',
    ],
)
async def test_json_says_that_it_is_json(client: httpx.AsyncClient, token: dict[str, str], content_type: str) -> None:
    assert (await post(client, token, b"{}", Content_Type=content_type))[0] == 422


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; boundary=x",
        "application/vnd.api+json",
        "application/cbor",
    ],
)
async def test_other_content_types_are_refused(
    client: httpx.AsyncClient, token: dict[str, str], content_type: str
) -> None:
    status, code, message = await post(client, token, b"{}", Content_Type=content_type)

    assert (status, code) == (415, "unsupported_media_type")
    assert "application/json" in message


@pytest.mark.parametrize("types", [[], ["application/json", "application/json"], ["application/json", "text/plain"]])
async def test_there_is_exactly_one_content_type(
    client: httpx.AsyncClient, token: dict[str, str], types: list[str]
) -> None:
    headers = [*token.items(), *(("Content-Type", value) for value in types)]

    assert (await client.post("/v1/messages", content=b"{}", headers=headers)).status_code == 415


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "text/plain", "text/csv; charset=latin1", "application/ndjson", "multipart/form-data"],
)
async def test_recipients_are_csv_or_ndjson(
    client: httpx.AsyncClient, token: dict[str, str], content_type: str
) -> None:
    answer = await client.put(
        "/v1/campaigns/c/recipients?organizationId=org_1", content=b"x", headers={**token, "Content-Type": content_type}
    )

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (415, "unsupported_media_type")
    assert error["message"] == "the header Content-Type must be text/csv or application/x-ndjson"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP", "x"])
async def test_nothing_is_inflated(client: httpx.AsyncClient, token: dict[str, str], coding: str) -> None:
    status, code, message = await post(client, token, b"\x1f\x8b", Content_Encoding=coding)

    assert (status, code) == (415, "unsupported_media_type")
    assert "Content-Encoding" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", (400, "malformed_json", "the body is empty; send a JSON object")),
        (b"{", (400, "malformed_json", "the body is not JSON")),
        (b'{"a":1,"a":1}', (400, "malformed_json", "a name twice")),
        (b'{"timestamp":NaN}', (400, "malformed_json", "has NaN")),
        (b"[" * 30_000, (400, "malformed_json", "deeper than 64")),
        (b"\xef\xbb\xbf{}", (400, "malformed_json", "is not JSON")),
        (b"null", (422, "invalid_payload", "payload: must be an object")),
        (b"[]", (422, "invalid_payload", "payload: must be an object")),
        (b"[{}]", (422, "invalid_payload", "payload: must be an object")),
        (b'"x"', (422, "invalid_payload", "payload: must be an object")),
        (b"5", (422, "invalid_payload", "payload: must be an object")),
        (b"true", (422, "invalid_payload", "payload: must be an object")),
        (b"{}", (422, "invalid_payload", "organizationId: is missing")),
    ],
    ids=lambda value: value[:16] if isinstance(value, bytes) else None,
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/automations", "/v1/campaigns"])
async def test_what_is_wrong_with_a_body_is_said(
    client: httpx.AsyncClient, token: dict[str, str], path: str, content: bytes, expected: tuple[int, str, str]
) -> None:
    status, code, message = await post(client, token, content, path)

    assert (status, code) == expected[:2]
    assert expected[2].replace("organizationId", "") in message


@pytest.mark.parametrize(
    ("path", "cap"), [("/v1/messages", CAP), ("/v1/automations", CAP), ("/v1/campaigns", 16 * 1024 * 1024)]
)
async def test_one_byte_over_the_cap_is_too_much(
    client: httpx.AsyncClient, token: dict[str, str], path: str, cap: int
) -> None:
    async def pieces(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 8192):
            yield b" " * 8192
        yield b" " * (size % 8192)

    assert (await post(client, token, b" " * cap, path))[0] == 400
    assert (await post(client, token, pieces(cap), path))[0] == 400
    for too_much in (b" " * (cap + 1), pieces(cap + 1)):
        status, code, message = await post(client, token, too_much, path)
        assert (status, code) == (413, "payload_too_large")
        assert str(cap) in message


@pytest.mark.parametrize("length", ["65537", "1000000000000", "9" * 40, "-1", "0x10", "\uff16"])
async def test_a_declared_length_that_is_too_great_or_no_length_is_refused_unread(
    client: httpx.AsyncClient, token: dict[str, str], length: str
) -> None:
    headers = {**token, "Content-Type": "application/json", LENGTH: length.encode()}

    answer = await client.post("/v1/messages", content=b"{}", headers=headers)  # type: ignore[arg-type]

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/campaigns"])
async def test_a_body_without_end_is_not_kept(client: httpx.AsyncClient, token: dict[str, str], path: str) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 100:
            given += 1
            yield b" " * 1024 * 1024

    assert (await post(client, token, endless(), path))[0] == 413
    # 16 MiB of a campaign, and as much again that is read only to be polite.
    assert given <= 35


# --- query parameters ---------------------------------------------------------------------------------------

AUTOMATION = {"automationId": "a", "organizationId": "o", "type": "reminder", "recipientNumber": "5511999999999"}


@pytest.mark.parametrize(
    ("path", "query", "field", "problem"),
    [
        ("/v1/automations", "delay_ms=-1", "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=", "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=1.0", "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=1e3", "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=%201", "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=1_000", "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=%D9%A1", "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=true", "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=31622400001", "delay_ms", "whole number from 0 to 31622400000"),
        ("/v1/automations", "delay_ms=" + "9" * 5000, "delay_ms", "whole number from 0 to"),
        ("/v1/automations", "delay_ms=1&delay_ms=1", "delay_ms", "given twice"),
        ("/v1/automations", "delayMs=1", "delayMs", "did you mean delay_ms?"),
        ("/v1/automations", "delay=1", "delay", "did you mean delay_ms?"),
        ("/v1/automations", "delay_ms%00=1", "delay_ms\\x00", "did you mean delay_ms?"),
        ("/v1/messages", "delay_ms=1", "delay_ms", "remove it"),
        ("/v1/campaigns", "state=__proto__", "state", "remove it"),
        ("/v1/campaigns", "draft=yes", "draft", "must be false or true"),
        ("/v1/campaigns", "Draft=true", "Draft", "did you mean draft?"),
        ("/v1/campaigns/preview", "shown=101", "shown", "whole number from 0 to 100"),
        ("/v1/campaigns/preview", "shown=-1", "shown", "whole number from 0 to 100"),
        ("/v1/campaigns/c/start", "at=1", "at", "remove it"),
        ("/v1/campaigns/c/start", "organizationId=a&organizationId=b", "organizationId", "given twice"),
        ("/v1/contacts/5511999999999/opt-out", "organisationId=a", "organisationId", "did you mean organizationId?"),
        ("/v1/messages", "%0d%0aX:1", "\\r\\nX:1", "remove it"),
        ("/v1/messages", "x" * 5000, "x" * 40, "remove it"),
    ],
)
async def test_a_query_parameter_is_right_or_refused(
    client: httpx.AsyncClient, token: dict[str, str], path: str, query: str, field: str, problem: str
) -> None:
    answer = await client.post(f"{path}?{query}", json=AUTOMATION, headers=token)

    error = answer.json()["error"]
    assert (answer.status_code, error["field"]) == (422, field)
    assert problem in error["message"]


@pytest.mark.parametrize(
    ("path", "query", "field", "problem"),
    [
        ("/v1/campaigns", "limit=0", "limit", "whole number from 1 to 100"),
        ("/v1/campaigns", "limit=101", "limit", "whole number from 1 to 100"),
        ("/v1/campaigns", "limit=1e9", "limit", "whole number from 1 to 100"),
        ("/v1/campaigns", "cursor=forged&organizationId=org_1", "cursor", "not one of ours"),
        ("/v1/campaigns/c", "limit=1", "limit", "remove it"),
        ("/v1/campaigns/c/report", "format=pdf", "format", "must be csv or ndjson"),
        ("/v1/campaigns/c/report", "format=", "format", "must be csv or ndjson"),
        ("/v1/contacts/5511999999999", "words=x", "words", "remove it"),
    ],
)
async def test_a_query_parameter_of_a_look_is_right_or_refused(
    client: httpx.AsyncClient, token: dict[str, str], path: str, query: str, field: str, problem: str
) -> None:
    answer = await client.get(f"{path}?{query}", headers=token)

    error = answer.json()["error"]
    assert (answer.status_code, error["field"]) == (422, field)
    assert problem in error["message"]


async def test_the_way_to_a_job_takes_no_query(client: httpx.AsyncClient, token: dict[str, str]) -> None:
    for query in ("page=-1", "limit=1000000000", "cursor=forged"):
        answer = await client.get(f"/v1/jobs/message/msg-12345678?{query}", headers=token)
        assert answer.status_code == 422


@pytest.mark.parametrize("queue", ["dead-letter", "nothing", "MESSAGE", "message ", "%2e%2e", "a:b", "é"])
async def test_other_queues_have_no_jobs_to_show(client: httpx.AsyncClient, token: dict[str, str], queue: str) -> None:
    assert (await client.get(f"/v1/jobs/{queue}/msg-12345678", headers=token)).status_code == 404


NO_IDS = [
    *("meta", "active", "completed", "wait", "id", "events", "stalled-check"),  # keys of the queue itself
    *("a:b", "msg-1:lock", "..", "*", "%00", "%0d%0a", "a%20b", "🐶", "\uff4dsg", "%D9%A1"),
    *("a" * 1000, "1" * 30),
]


@pytest.mark.parametrize("job_id", NO_IDS)
async def test_an_id_that_can_be_none_is_not_even_looked_up(
    client: httpx.AsyncClient, token: dict[str, str], job_id: str
) -> None:
    """There is no Redis here, so a look-up would be a 503."""
    answer = await client.get(f"/v1/jobs/message/{job_id}", headers=token)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("number", ["abc", "123", "5511999999999@g.us", "٥٥١١٩٩٩٩٩٩٩٩٩", "1" * 40, "%00"])
async def test_what_is_no_number_is_not_looked_up(
    client: httpx.AsyncClient, token: dict[str, str], number: str
) -> None:
    """There is no Redis here, so a look-up would be a 503."""
    for method, path in (("GET", ""), ("POST", "/opt-out"), ("POST", "/opt-in")):
        answer = await client.request(method, f"/v1/contacts/{number}{path}?organizationId=org_1", headers=token)

        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["field"]) == (422, "invalid_payload", "number")


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"{", 400, "the body is not JSON"),
        (b"[]", 422, "payload: must be an object"),
        (b'{"words":5}', 422, "words: must be text, not a number"),
        (b'{"words":""}', 422, "words: must not be blank"),
        (b'{"word":"x"}', 422, "word: is not a known field; did you mean words?"),
        (b" " * (CAP + 1), 413, str(CAP)),
    ],
)
async def test_the_words_of_a_wish_are_checked(
    client: httpx.AsyncClient, token: dict[str, str], content: bytes, status: int, message: str
) -> None:
    path = "/v1/contacts/5511999999999/opt-out?organizationId=org_1"
    answer = await client.post(path, content=content, headers={**token, "Content-Type": "application/json"})

    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]

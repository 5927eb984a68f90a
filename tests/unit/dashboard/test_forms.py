"""Forms as browsers send them, and as others do."""

from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import Request

from oxyq.api.errors import ApiError
from oxyq.dashboard.forms import FORM_BYTES, MOST_FIELDS, Form, read_form
from oxyq.errors import InvalidPayload


async def read(body: bytes, kind: str = "application/x-www-form-urlencoded") -> Form:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    return await read_form(Request({"type": "http", "method": "POST", "headers": headers}, receive))


async def test_fields_as_a_browser_sends_them() -> None:
    form = await read(
        urlencode([("text", "Olá\r\nAna"), ("row", "a"), ("row", "b"), ("empty", " "), ("n", "07")]).encode()
    )

    assert form.text("text") == "Olá\nAna"
    assert form.several("row") == ["a", "b"]
    assert form.optional("empty") is None and form.optional("missing") is None
    assert form.number("n", most=9) == 7
    assert form.flag("n") and not form.flag("missing")
    assert form.filled() == {"text": "Olá\nAna", "row": "a", "empty": " ", "n": "07"}


@pytest.mark.parametrize("text", ["x", "-1", "1.0", "10", "٣", "1" * 16, "0x1"])
async def test_what_is_no_number_in_its_bounds_is_refused(text: str) -> None:
    form = await read(urlencode({"n": text}).encode())

    with pytest.raises(InvalidPayload, match="whole number from 0 to 9") as refused:
        form.number("n", most=9)
    assert refused.value.field == "n"


async def test_a_field_that_must_be_there_is_named() -> None:
    form = await read(b"a=1&a=2")

    with pytest.raises(InvalidPayload, match="fill it in"):
        form.text("b")
    with pytest.raises(InvalidPayload, match="twice"):
        form.text("a")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"a=" + b"x" * FORM_BYTES, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_what_is_no_form_is_refused(body: bytes, kind: str, status: int) -> None:
    with pytest.raises(ApiError) as refused:
        await read(body, kind)
    assert refused.value.status == status


@pytest.mark.parametrize("body", [b"a=%ff", "a=é".encode("latin-1"), b"&".join(b"a=1" for _ in range(MOST_FIELDS + 1))])
async def test_a_form_that_cannot_be_read_says_so(body: bytes) -> None:
    with pytest.raises(InvalidPayload) as refused:
        await read(body)
    assert refused.value.field == "form"

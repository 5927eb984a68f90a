"""A worker process tells its metrics on a port of its own, and nothing else."""

import socket
import threading

import httpx
import pytest
from pydantic import SecretStr

from oxyq.errors import ConfigurationError
from oxyq.telemetry.metrics.listener import metrics_listener
from oxyq.telemetry.metrics.readers import Readers

TOKEN = "metrics-" * 4
OPEN = Readers(None, is_production=False)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/metrics", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("GET", "/metrics?a=b", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("GET", "/metrics", {}, 401),
        ("POST", "/metrics", {"Authorization": f"Bearer {TOKEN}"}, 405),
        ("GET", "/", {"Authorization": f"Bearer {TOKEN}"}, 404),
        ("GET", "/metrics/../etc/passwd", {}, 404),
    ],
)
async def test_one_address_for_who_shows_the_token(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    readers = Readers(SecretStr(TOKEN), is_production=True)
    with metrics_listener("127.0.0.1", 0, readers, lambda: b"oxyq_up 1\n") as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.request(method, path, headers=headers)

    assert answer.status_code == status
    assert answer.text == ("oxyq_up 1\n" if status == 200 else "")


async def test_the_text_is_made_in_the_loop_that_counts() -> None:
    here, made_in = threading.get_ident(), list[int]()

    def text() -> bytes:
        made_in.append(threading.get_ident())
        return b""

    with metrics_listener("127.0.0.1", 0, OPEN, text) as port:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics")
            forwarded = await client.get(f"http://127.0.0.1:{port}/metrics", headers={"X-Forwarded-For": "1.2.3.4"})

    assert (answer.status_code, forwarded.status_code) == (200, 403)
    assert made_in == [here]


async def test_who_connects_and_says_nothing_keeps_nobody_waiting() -> None:
    with metrics_listener("127.0.0.1", 0, OPEN, lambda: b"") as port, socket.create_connection(("127.0.0.1", port)):
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/metrics")).status_code == 200


async def test_a_port_that_is_taken_is_told_with_the_fix() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigurationError, match=r"OXYQ_METRICS_PORT: cannot listen on 127\.0\.0\.1.*a port of its own"),
        metrics_listener("127.0.0.1", taken.getsockname()[1], OPEN, lambda: b""),
    ):
        pass

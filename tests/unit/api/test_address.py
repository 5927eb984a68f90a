"""Where a request comes from is what our own proxies say, and nothing that its sender can write."""

import pytest
from fastapi import Request

from oxyq.api.address import client_address

NEAREST = "10.0.0.9"


def request(*forwarded: str, client: tuple[str, int] | None = (NEAREST, 5000)) -> Request:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return Request({"type": "http", "headers": headers, "client": client})


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (0, [], NEAREST),
        (0, ["198.51.100.7"], NEAREST),
        (1, [], NEAREST),
        (1, ["198.51.100.7"], "198.51.100.7"),
        (1, ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (1, ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        (2, ["1.1.1.1, 198.51.100.7, 192.0.2.1"], "198.51.100.7"),
        (2, ["198.51.100.7"], NEAREST),
        (1, ["198.51.100.7:4711"], "198.51.100.7"),
        (1, ["2001:db8::1"], "2001:db8::1"),
        (1, ["[2001:db8::1]:4711"], "2001:db8::1"),
        (1, ["[2001:0db8:0::1]"], "2001:db8::1"),
        (1, ["unknown"], NEAREST),
        (1, [""], NEAREST),
        (1, ["198.51.100.7, "], NEAREST),
        (1, ["<script>"], NEAREST),
        (1, ["127.0.0.1\x00"], NEAREST),
    ],
)
def test_only_the_entries_of_our_own_proxies_count(trusted: int, forwarded: list[str], address: str) -> None:
    assert client_address(request(*forwarded), trusted) == address


def test_over_a_socket_without_an_address_nobody_knows_it() -> None:
    assert client_address(request(client=None), 0) == ""
    assert client_address(request("198.51.100.7", client=None), 1) == "198.51.100.7"

"""Reading REDIS_URL."""

import ssl

import pytest

from oxyq.engine.address import Address, Cluster, Sentinels
from oxyq.errors import ConfigurationError

GOOD = {
    "redis://localhost": {"host": "localhost", "port": 6379},
    "redis://localhost:6380": {"port": 6380},
    "redis://localhost/": {"database": 0},
    "redis://localhost:6379/5": {"database": 5},
    "rediss://host:6379": {"tls": True, "verify_tls": True},
    "redis://:secret@host": {"username": None, "password": "secret"},
    "redis://user:secret@host": {"username": "user", "password": "secret"},
    "redis://default:p%40ss%2Fw%23rd%3A%3F%25@host:6379": {"password": "p@ss/w#rd:?%"},
    "redis://user%40mail:a%20b@host": {"username": "user@mail", "password": "a b"},
    "redis://:%C3%A9@host": {"password": "é"},
    "redis://[::1]:6379": {"host": "::1", "port": 6379},
    "redis://:pw@[2001:db8::1]:7000/1": {"host": "2001:db8::1", "port": 7000, "password": "pw", "database": 1},
    "rediss://default:pw@eu1-calm-fox-1234.upstash.io:6379": {"host": "eu1-calm-fox-1234.upstash.io", "tls": True},
    "unix:///run/redis.sock": {"path": "/run/redis.sock"},
    "unix://:pw@/run/my%20redis.sock?db=2": {"path": "/run/my redis.sock", "password": "pw", "database": 2},
    "  redis://localhost  ": {"host": "localhost"},
    "REDIS://Localhost": {"host": "localhost", "tls": False},
    "redis://:a+b@host": {"password": "a+b"},
    "redis+sentinel://u:p%40@h1,h2:26380,[::1]:26381/mymaster/2?sentinel_username=s&sentinel_password=a+b%26": {
        "username": "u",
        "password": "p@",
        "database": 2,
        "tls": False,
        "via": Sentinels((("h1", 26379), ("h2", 26380), ("::1", 26381)), "mymaster", "s", "a+b&"),
    },
    "rediss+sentinel://h1/my%20master": {
        "tls": True,
        "via": Sentinels((("h1", 26379),), "my master"),
        "password": None,
    },
    "redis+cluster://:pw@h1:7001,h2": {"via": Cluster((("h1", 7001), ("h2", 6379))), "password": "pw"},
    "rediss+cluster://h1:7001/0": {"tls": True, "via": Cluster((("h1", 7001),))},
}

BAD = {
    "": "redis://",
    "localhost": "redis://",
    "localhost:6379": "redis://",
    "http://localhost:6379": "redis://",
    "https://eu1-calm-fox-1234.upstash.io": "redis://",
    "redis:localhost": "redis://",
    "redis://": "no host",
    "redis://:6379": "no usable host",
    "redis:///0": "no host",
    "redis://host:port": "port",
    "redis://host:99999": "port",
    "redis://host:-1": "port",
    "redis://host:6379/zero": "database",
    "redis://host/0/1": "database",
    "redis://host/-1": "database",
    "redis://host/²": "database",
    "redis://[::1": "",
    "redis://:s3cret/x@host:6379": "percent-encode",
    "redis://:s3cret#x@host:6379": "percent-encode",
    "redis://:s3cret?x@host:6379": "percent-encode",
    # A password that begins with digits reads as a port: nothing of it may be shown, and nothing connected to.
    "redis://user:123/s3cret@host:6379": "percent-encode",
    "redis://user:123#s3cret@host:6379": "percent-encode",
    "redis://user:123?s3cret@host:6379": "percent-encode",
    "unix://": "socket",
    "unix:///run/redis.sock?db=zero": "database",
    "redis://h1,h2:6379": "no usable host",
    "redis://a..b": "no usable host",
    "redis+sentinel://h1:26379": "such as redis+sentinel://",
    "redis+sentinel://:s3cret@h1:26379/": "such as redis+sentinel://",
    "redis+sentinel://h1:26379,/mymaster": "no usable host",
    "redis+sentinel://h1/mymaster/zero": "database",
    "redis+sentinel://h1/mymaster?sentinel_password=s3cret@x": "percent-encode",
    "redis+cluster://h1:7001/3": "has only 0",
    "redis+cluster://": "no host",
    "redis-sentinel://h1/mymaster": "redis+sentinel://",
}


@pytest.mark.parametrize(("url", "wanted"), GOOD.items(), ids=lambda part: str(part)[:40])
def test_url_is_read(url, wanted):
    address = Address.from_url(url)

    assert {name: getattr(address, name) for name in wanted} == wanted


@pytest.mark.parametrize(("url", "problem"), BAD.items(), ids=lambda part: str(part)[:40] or "nothing")
def test_url_that_cannot_be_meant_is_refused_without_showing_the_password(url, problem):
    with pytest.raises(ConfigurationError) as refused:
        Address.from_url(url)

    text = str(refused.value)
    assert "REDIS_URL" in text
    assert problem in text
    assert "s3cret" not in text


def test_password_is_in_no_text_of_an_address():
    address = Address.from_url("rediss://user:s3cret@host:6380/2")

    assert "s3cret" not in repr(address)
    assert str(address) == "host:6380"
    assert str(Address.from_url("unix:///run/redis.sock")) == "/run/redis.sock"
    watched = Address.from_url("redis+sentinel://:s3cret@h1,[::1]:26380/mymaster?sentinel_password=s3cret")
    assert "s3cret" not in repr(watched)
    assert str(watched) == "mymaster (sentinels h1:26379, [::1]:26380)"


def test_tls_verifies_unless_told_otherwise():
    strict = Address.from_url("rediss://host").tls_context()
    lax = Address.from_url("rediss://host", verify_tls=False).tls_context()

    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)
    assert Address.from_url("redis://host").tls_context() is None


def test_a_cluster_needs_keys_that_lie_together():
    address = Address.from_url("redis+cluster://host")

    with pytest.raises(ConfigurationError, match=r"OXYQ_REDIS_PREFIX: 'bull' .* write \{bull\}"):
        address.for_prefix("bull")
    assert address.for_prefix("{oxyq}") == address.for_prefix("a{oxyq}b") != address
    assert Address.from_url("redis://host").for_prefix("bull") == Address.from_url("redis://host")

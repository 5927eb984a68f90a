"""Reading REDIS_URL."""

import ssl

import pytest

from oxyq.engine.address import Address
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
}

BAD = {
    "": "redis://",
    "localhost": "redis://",
    "localhost:6379": "redis://",
    "http://localhost:6379": "http",
    "https://eu1-calm-fox-1234.upstash.io": "https",
    "redis:localhost": "no host",
    "redis://": "no host",
    "redis://:6379": "no host",
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
    "unix://": "path",
    "unix:///run/redis.sock?db=zero": "database",
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


def test_tls_verifies_unless_told_otherwise():
    strict = Address.from_url("rediss://host").tls_context()
    lax = Address.from_url("rediss://host", verify_tls=False).tls_context()

    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)
    assert Address.from_url("redis://host").tls_context() is None


@pytest.mark.parametrize("url", ["redis://u:p%40@host:6380/2", "rediss://:p@[::1]:6380", "unix:///run/r.sock?db=3"])
def test_redis_py_gets_the_same_place(url):
    import redis

    address = Address.from_url(url)
    client = redis.Redis(**address.redis_py_options())
    used = client.connection_pool.connection_kwargs
    client.close()

    assert (used["db"], used["password"]) == (address.database, address.password)
    if address.path is None:
        assert (used["host"], used["port"]) == (address.host, address.port)
    else:
        assert used["path"] == address.path

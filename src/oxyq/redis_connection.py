"""From settings to a Redis address, and the redis-py client for everything that is not the hot path."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import redis.asyncio

from oxyq.engine.address import Address
from oxyq.errors import QueueUnavailable
from oxyq.settings import Settings

#: Seconds redis-py waits for an answer; it would repeat what timed out, so this is only used for what may be repeated.
SOCKET_TIMEOUT_SECONDS = 5.0


def configured_address(settings: Settings) -> Address | None:
    """The server the settings name; None when they leave it to us to run one."""
    if settings.redis_url is None:
        return None
    ca_file = str(settings.redis_ca_file) if settings.redis_ca_file else None
    address = Address.from_url(settings.redis_url, verify_tls=settings.redis_tls_verify, ca_file=ca_file)
    if address.tls and not address.verify_tls:
        # The standard logger, since it reaches standard error even when nobody has set up any logging.
        logging.getLogger("oxyq").warning(
            "OXYQ_REDIS_TLS_VERIFY=false: whoever sits between here and %s can read and change everything; "
            "give the authority's certificate with OXYQ_REDIS_CA_FILE instead", address
        )  # fmt: skip
    return address


def redis_client(address: Address) -> redis.asyncio.Redis:
    """A client with text replies and deadlines, for settings, campaigns and health."""
    return redis.asyncio.Redis(
        **address.redis_py_options(),  # type: ignore[arg-type]
        decode_responses=True,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        health_check_interval=30,
        protocol=2,
    )


@contextmanager
def as_unavailable(what: str) -> Iterator[None]:
    """Turn what redis-py raises into QueueUnavailable, saying for what Redis did not answer."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise QueueUnavailable(f"Redis did not answer for the {what}: {type(error).__name__}") from error

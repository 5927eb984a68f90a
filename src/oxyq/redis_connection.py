"""From settings to a Redis address, and the redis-py client for everything that is not the hot path."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from oxyq.engine.address import Address
from oxyq.engine.locating import located
from oxyq.engine.resp import NOT_HERE
from oxyq.engine.tls_errors import explained
from oxyq.errors import ConfigurationError, QueueUnavailable
from oxyq.settings import Settings

#: Seconds redis-py waits for an answer; it would repeat what timed out, so this is only used for what may be repeated.
SOCKET_TIMEOUT_SECONDS = 5.0
#: What redis-py does by itself when it makes its own pool.
_RETRIES: Final = 10
_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 1


def configured_address(settings: Settings) -> Address | None:
    """The server the settings name; None when they leave it to us to run one. Raises ConfigurationError."""
    if settings.redis_url is None:
        return None
    files = (settings.redis_ca_file, settings.redis_client_cert, settings.redis_client_key)
    ca_file, client_cert, client_key = (str(file) if file else None for file in files)
    address = Address.from_url(
        settings.redis_url,
        verify_tls=settings.redis_tls_verify,
        ca_file=ca_file,
        client_cert=client_cert,
        client_key=client_key,
    ).for_prefix(settings.redis_prefix)
    address.tls_context()  # so that a file that cannot be used is told now, and not at each attempt to connect
    if address.tls and not address.verify_tls:
        # The standard logger, since it reaches standard error even when nobody has set up any logging.
        logging.getLogger("oxyq").warning(
            "OXYQ_REDIS_TLS_VERIFY=false: whoever sits between here and %s can read and change everything; "
            "give the authority's certificate with OXYQ_REDIS_CA_FILE instead", address
        )  # fmt: skip
    return address


def redis_client(address: Address) -> redis.asyncio.Redis:
    """A client with text replies and deadlines, for settings, campaigns and health."""
    kind: type[redis.asyncio.Connection | redis.asyncio.UnixDomainSocketConnection] = _LocatedConnection
    place: dict[str, object] = {"address": address}
    if address.path is not None:
        kind, place = redis.asyncio.UnixDomainSocketConnection, {"path": address.path}
    pool = redis.asyncio.ConnectionPool(
        kind,
        db=address.database,
        username=address.username,
        password=address.password,
        decode_responses=True,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        health_check_interval=30,
        protocol=2,
        retry=Retry(ExponentialWithJitterBackoff(base=_FIRST_PAUSE_SECONDS, cap=_LONGEST_PAUSE_SECONDS), _RETRIES),
        **place,  # type: ignore[arg-type]  # which keywords there are, the class decides
    )
    return redis.asyncio.Redis.from_pool(pool)


class _LocatedConnection(redis.asyncio.Connection):
    """redis-py's connection, to the server that our own would go to now, with the same TLS."""

    def __init__(self, *, address: Address, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # handed on as the pool gave them
        self._address = self._server = address

    async def _connect(self) -> None:
        try:
            self._server = await located(self._address)
            await super()._connect()  # type: ignore[no-untyped-call]  # redis-py does not type it
        except (OSError, QueueUnavailable, ConfigurationError) as error:
            raise redis.ConnectionError(f"Redis at {self._address} cannot be reached: {explained(error)}") from error

    def _connection_arguments(self) -> dict[str, object]:
        return {"host": self._server.host, "port": self._server.port, "ssl": self._server.tls_context()}

    async def read_response(self, *arguments: object, **options: object) -> object:
        try:
            return await super().read_response(*arguments, **options)  # type: ignore[arg-type]  # handed on
        except redis.ResponseError as error:
            if error.status_code not in NOT_HERE:
                raise
            await self.disconnect()
            if self._address.via is None:
                raise
            # This is what redis-py repeats, over a new connection, which looks again where the server is.
            raise redis.ConnectionError(f"Redis is elsewhere now: {error}") from error


@contextmanager
def as_unavailable(what: str) -> Iterator[None]:
    """Turn what redis-py raises into QueueUnavailable, saying for what Redis did not answer."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise QueueUnavailable(f"Redis did not answer for the {what}: {type(error).__name__}") from error

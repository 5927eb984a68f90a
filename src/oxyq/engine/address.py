"""Where a Redis server is and how to be let in, read once from a URL."""

import binascii
import ssl
from dataclasses import dataclass, field, replace

from oxyq.errors import ConfigurationError
from oxyq.redis_url import Node, RedisUrl, hash_tag, read_redis_url

DEFAULT_PORT = 6379
#: Redis Cluster spreads its keys over so many slots (Redis Cluster specification, "Key distribution model").
SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Those who know which server is the master of `service` now, and how they let us in."""

    nodes: tuple[Node, ...]
    service: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.service} (sentinels {_listed(self.nodes)})"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes that know which of them has `slot`, where all our keys are; None: see `Address.for_prefix`."""

    nodes: tuple[Node, ...]
    slot: int | None = None

    def __str__(self) -> str:
        return f"the cluster of {_listed(self.nodes)}"


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis server: a TCP host and port, with or without TLS, or a unix socket path.

    With `via` it is not known yet which server that is: locating.py asks there, at each new connection.
    The files are PEM: authorities to trust instead of the system's, and the certificate and key by which we are known.
    """

    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str | None = None
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    verify_tls: bool = True
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    via: Sentinels | Cluster | None = None

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        verify_tls: bool = True,
        ca_file: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
    ) -> "Address":
        """Read one of the forms of redis_url.py; user and password may be percent-encoded.

        Raises ConfigurationError, never echoing the password.
        """
        try:
            read = read_redis_url(url.strip())
        except ValueError as error:
            raise ConfigurationError(f"REDIS_URL {error}") from None
        login = cls(path=read.path, database=read.database, username=read.username, password=read.password)
        if not read.nodes:
            return login
        host, port = read.nodes[0]
        return replace(
            login,
            host=host,
            port=port,
            tls=read.tls,
            verify_tls=verify_tls,
            ca_file=ca_file,
            client_cert=client_cert,
            client_key=client_key,
            via=_via(read),
        )

    def for_prefix(self, prefix: str) -> "Address":
        """The same, for keys under this prefix: in a cluster, they decide which node it is.

        Raises ConfigurationError when they would be spread over several.
        """
        if not isinstance(self.via, Cluster):
            return self
        tag = hash_tag(prefix)
        if tag is None:
            raise ConfigurationError(
                f"OXYQ_REDIS_PREFIX: {prefix!r} spreads our keys over a cluster, where no script could reach all of "
                f"them; write {{{prefix.strip('{}') or 'oxyq'}}}"
            )
        # CRC16 as the specification has it (XMODEM).
        return replace(self, via=replace(self.via, slot=binascii.crc_hqx(tag.encode(), 0) % SLOTS))

    def greeting(self) -> list[tuple[str, ...]]:
        """The commands that open a connection; PING last, so that a server still LOADING is not taken for ready."""
        commands = list[tuple[str, ...]]()
        if self.password is not None:
            commands.append(("AUTH", *((self.username,) if self.username else ()), self.password))
        if self.database:
            commands.append(("SELECT", str(self.database)))
        return [*commands, ("PING",)]

    def tls_context(self) -> ssl.SSLContext | None:
        """What it takes to speak TLS to this server; None without TLS. Reads the files anew: they may be renewed.

        Raises ConfigurationError when they are not what they should be.
        """
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # SSLError is one
            raise ConfigurationError(
                f"OXYQ_REDIS_CA_FILE: {self.ca_file} holds no certificates that can be read ({_why(error)}); "
                "give a PEM file"
            ) from None
        if self.client_cert is not None:
            self._show_who_we_are(context, self.client_cert)
        if not self.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _show_who_we_are(self, context: ssl.SSLContext, certificate: str) -> None:
        def no_password() -> str:
            raise ValueError("it is encrypted")  # or OpenSSL would ask at the terminal, and wait

        try:
            context.load_cert_chain(certificate, self.client_key, password=no_password)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"OXYQ_REDIS_CLIENT_CERT: {certificate} and its key ({self.client_key or 'in the same file'}) cannot "
                f"be used ({_why(error)}); give a PEM certificate with the key that belongs to it, not encrypted"
            ) from None

    def __str__(self) -> str:
        if self.via is not None:
            return str(self.via)
        return self.path or _written(self.host, self.port)


def _via(read: RedisUrl) -> Sentinels | Cluster | None:
    match read.kind:
        case "sentinel":
            return Sentinels(read.nodes, read.service, read.sentinel_username, read.sentinel_password)
        case "cluster":
            return Cluster(read.nodes)
        case _:
            return None


def _listed(nodes: tuple[Node, ...]) -> str:
    return ", ".join(_written(host, port) for host, port in nodes)


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)

"""Where a Redis server is and how to be let in, read once from a URL."""

import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from oxyq.errors import ConfigurationError

SCHEMES = ("redis", "rediss", "unix")
DEFAULT_PORT = 6379


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis server: a TCP host and port, with or without TLS, or a unix socket path."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str | None = None
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    verify_tls: bool = True
    ca_file: str | None = None

    @classmethod
    def from_url(cls, url: str, *, verify_tls: bool = True, ca_file: str | None = None) -> "Address":
        """Read `redis://`, `rediss://` or `unix://`; user and password may be percent-encoded.

        Raises ConfigurationError, never echoing the password.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port or DEFAULT_PORT
            if parts.fragment or "@" in parts.query:
                raise ValueError("a # or ? of the password ended what was read as the address")
        except ValueError:
            raise ConfigurationError(
                "REDIS_URL cannot be read: percent-encode the characters / # ? @ : of the password "
                "(for example @ as %40) and give the port as a number"
            ) from None
        if parts.scheme not in SCHEMES:
            raise ConfigurationError(
                f"REDIS_URL starts with {parts.scheme or 'nothing'!r}; write redis://, rediss:// (TLS) or unix://"
            )
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        if parts.scheme == "unix" and not parts.path.strip("/"):
            raise ConfigurationError("REDIS_URL names no socket; write unix:///path/of/the/socket")
        if parts.scheme == "unix":
            return cls(
                path=unquote(parts.path),
                username=username,
                password=password,
                database=_database(parse_qs(parts.query).get("db", ["0"])[0]),
            )
        if not parts.hostname:
            raise ConfigurationError("REDIS_URL has no host; write redis://HOST:PORT")
        return cls(
            host=parts.hostname,
            port=port,
            username=username,
            password=password,
            database=_database(parts.path),
            tls=parts.scheme == "rediss",
            verify_tls=verify_tls,
            ca_file=ca_file,
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """What asyncio needs to speak TLS to this server; None without TLS."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        if not self.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def redis_py_options(self) -> dict[str, object]:
        """The same as keyword arguments of `redis.Redis` and `redis.asyncio.Redis`."""
        options: dict[str, object] = {"db": self.database, "username": self.username, "password": self.password}
        if self.path is not None:
            return {**options, "unix_socket_path": self.path}
        options |= {"host": self.host, "port": self.port}
        if self.tls:
            options |= {"ssl": True, "ssl_ca_certs": self.ca_file,
                        "ssl_cert_reqs": "required" if self.verify_tls else "none",
                        "ssl_check_hostname": self.verify_tls}  # fmt: skip
        return options

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


def _database(path: str) -> int:
    number = path.strip("/")
    if number and not (number.isascii() and number.isdigit()):
        # Not shown: it may be the rest of a password that holds a slash.
        raise ConfigurationError(
            "REDIS_URL has something other than a database number at its end; percent-encode / # ? in the password"
        )
    return int(number or 0)

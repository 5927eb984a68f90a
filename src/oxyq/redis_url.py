"""REDIS_URL, taken apart: which forms of it there are, and what a cluster's asks of the prefix."""

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

Node: TypeAlias = tuple[str, int]
"""Host and port of one server."""

Kind: TypeAlias = Literal["server", "socket", "sentinel", "cluster"]

#: Scheme -> (what it leads to, whether over TLS). The forms with a + are those of redis-sentinel-url and docket.
SCHEMES: Final[dict[str, tuple[Kind, bool]]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("socket", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
PORTS: Final[dict[Kind, int]] = {"server": 6379, "socket": 6379, "sentinel": 26379, "cluster": 6379}
_HOST: Final = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<name>[^:,\[\]]+))(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """What a URL says, percent-decoded.

    nodes: the server; or several sentinels, or nodes of a cluster; none for a socket. path: the socket. service: what
    the sentinels call the master. The sentinels' own login is told apart from the one of the servers they watch.
    """

    kind: Kind
    tls: bool = False
    nodes: tuple[Node, ...] = ()
    path: str | None = None
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    service: str = ""
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)


def read_redis_url(url: str) -> RedisUrl:
    """Read it; raises ValueError with what is wrong and how to write it, to be put behind the setting's name.

    No password is ever in that text, nor what may be the rest of one.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in SCHEMES:
        raise ValueError("must begin with redis://, rediss:// (TLS), unix://, redis+sentinel:// or redis+cluster://")
    _refuse_unquoted_login(rest)
    if re.search(r"\s", url):
        raise ValueError("has a space or line break in it; remove it")
    if "#" in rest:
        raise ValueError("has a # in it; write %23 for a # in the password")
    kind, tls = SCHEMES[scheme.lower()]
    login, _, place = rest.rpartition("@")
    place, _, query = place.partition("?")
    username, _, password = login.partition(":")
    sayings = _query(query)
    read = RedisUrl(kind, tls, username=unquote(username) or None, password=unquote(password) or None)
    match kind:
        case "socket":
            return _socket(read, place, sayings)
        case "sentinel":
            return _sentinels(read, place, sayings)
        case _:
            return _servers(read, place, scheme)


def hash_tag(prefix: str) -> str | None:
    """The part of our keys by which a cluster chooses their node; None: it would read all of each key.

    It is what stands between the first { and the } after it, if anything does (Redis Cluster specification, "Hash
    tags"). All keys, BullMQ's too, have the prefix before anything that somebody else chose.
    """
    found = re.search(r"\{([^}]*)\}", prefix)
    return found[1] or None if found else None


def _refuse_unquoted_login(rest: str) -> None:
    # The login would end at the first / ? or #, so a password holding one would be read as host and path.
    login, at, _ = rest.rpartition("@")
    _, _, password = login.partition(":")
    if at and (":" in password or re.search(r"[#/?@\[\]\s]|%(?![0-9A-Fa-f]{2})", login)):
        raise ValueError(
            "has a sign in its user or password that a URL needs percent-encoded; "
            "write %23 for #, %40 for @, %2F for /, %3A for :, %3F for ?, %25 for %"
        )


def _query(query: str) -> dict[str, str]:
    # Not parse_qs, which reads a + of a password as a space.
    pairs = (part.partition("=") for part in query.split("&"))
    return {name: unquote(text) for name, _, text in pairs}


def _socket(read: RedisUrl, place: str, sayings: dict[str, str]) -> RedisUrl:
    if not place.startswith("/") or not place.strip("/"):
        raise ValueError("must name a socket file, such as unix:///run/redis.sock")
    return replace(read, path=unquote(place), database=_database(sayings.get("db", "")))


def _servers(read: RedisUrl, place: str, scheme: str) -> RedisUrl:
    hosts, _, path = place.partition("/")
    if not hosts:
        raise ValueError(f"has no host; write {scheme}://host:6379")
    if read.kind == "server":
        return replace(read, nodes=(_node(hosts, read.kind),), database=_database(path))
    if _database(path):
        raise ValueError("names a database, and a cluster has only 0; remove it")
    return replace(read, nodes=_nodes(hosts, read.kind))


def _sentinels(read: RedisUrl, place: str, sayings: dict[str, str]) -> RedisUrl:
    hosts, _, path = place.partition("/")
    service, _, database = path.partition("/")
    if not hosts or not service:
        raise ValueError(
            "must name the sentinels and the master they watch, such as "
            "redis+sentinel://host:26379,host2:26379/mymaster/0"
        )
    return replace(
        read,
        nodes=_nodes(hosts, read.kind),
        service=unquote(service),
        database=_database(database),
        sentinel_username=sayings.get("sentinel_username") or None,
        sentinel_password=sayings.get("sentinel_password") or None,
    )


def _nodes(hosts: str, kind: Kind) -> tuple[Node, ...]:
    return tuple(_node(host, kind) for host in hosts.split(","))


def _node(text: str, kind: Kind) -> Node:
    found = _HOST.fullmatch(text)
    port = PORTS[kind] if found is None else int(found["port"] or PORTS[kind])
    if found is None or not 0 < port < 65_536 or not _is_host(found["name"], found["six"]):
        # Not shown: it may be a part of a password.
        raise ValueError("has no usable host and port; write redis://host:6379, IPv6 as redis://[::1]:6379")
    return (found["name"] or found["six"]).lower(), port


def _is_host(name: str | None, six: str | None) -> bool:
    try:
        if six is not None:
            ipaddress.IPv6Address(six)
        else:
            (name or "").encode("idna")  # as the socket will; it cannot ask for what this refuses
    except ValueError:
        return False
    return True


def _database(text: str) -> int:
    if not re.fullmatch(r"[0-9]{0,5}/?", text):
        raise ValueError("must have a number as its path, the database, such as redis://host:6379/0")
    return int(text.strip("/") or 0)

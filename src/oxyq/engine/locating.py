"""Which server to connect to, where sentinels or a cluster decide that: asked at each new connection, never between.

So a failover is followed by reconnecting, whatever told of it: a socket that closed, or an answer of NOT_HERE.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from oxyq.engine.address import Address, Cluster, Sentinels
from oxyq.engine.blocking import BlockingConnection
from oxyq.engine.resp import RedisReplyError, Reply
from oxyq.engine.tls_errors import explained
from oxyq.errors import QueueUnavailable
from oxyq.redis_url import Node

#: For all who are asked together, so that there is time left to connect (wire.CONNECT_TIMEOUT_SECONDS).
LOCATING_SECONDS = 3.0


async def located(address: Address) -> Address:
    """The server itself; raises QueueUnavailable when nobody can say which it is.

    Costs nothing for an address that is a server's. Others are asked in a thread, which ends by itself.
    """
    return address if address.via is None else await asyncio.to_thread(locate, address)


def locate(address: Address) -> Address:
    """As `located`, waiting in this thread: each node in turn, until one knows."""
    via = address.via
    if via is None:
        return address
    reasons = []
    for node in via.nodes:
        try:
            host, port = _ask(address, via, node, LOCATING_SECONDS / len(via.nodes))
        except (OSError, QueueUnavailable) as error:
            reasons.append(f"{node[0]}:{node[1]}: {explained(error)}")
        else:
            return replace(address, host=host, port=port, via=None)
    raise QueueUnavailable("; ".join(reasons))


def _ask(address: Address, via: Sentinels | Cluster, node: Node, seconds: float) -> Node:
    there = replace(address, host=node[0], port=node[1], via=None)
    match via:
        case Sentinels():
            login = replace(there, username=via.username, password=via.password, database=0)
            with _own_login(), BlockingConnection(login, seconds) as sentinel:
                return _master(sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", via.service), via.service)
        case Cluster():
            with BlockingConnection(there, seconds) as member:
                return _owner(_slots(member), via.slot, node)


@contextmanager
def _own_login() -> Iterator[None]:
    try:
        yield
    except RedisReplyError as error:
        if error.code not in ("NOAUTH", "WRONGPASS", "NOPERM"):
            raise
        raise QueueUnavailable(
            f"the sentinel does not let us in ({error.code}); end REDIS_URL with ?sentinel_password=… "
            "(and &sentinel_username=…, if it has users)"
        ) from None


def _master(reply: Reply, service: str) -> Node:
    match reply:
        case [bytes(host), bytes(port)]:
            return host.decode(), int(port)
        case _:
            raise QueueUnavailable(f"it watches no master called {service!r}; correct the name in REDIS_URL")


def _slots(member: BlockingConnection) -> Reply:
    try:
        return member.call("CLUSTER", "SLOTS")
    except RedisReplyError as error:
        if "cluster support disabled" in error.text:
            raise QueueUnavailable("it is not part of a cluster; write redis:// instead of redis+cluster://") from None
        raise


def _owner(slots: Reply, slot: int | None, asked: Node) -> Node:
    """Who has `slot`, as one node sees it. One that says no host means the one by which it was asked."""
    for entry in slots if isinstance(slots, list) else []:
        match entry:
            case [int(first), int(last), [host, int(port), *_], *_] if slot is not None and first <= slot <= last:
                return (host.decode() if isinstance(host, bytes) and host not in (b"", b"?") else asked[0]), port
    raise QueueUnavailable(f"no node of the cluster has slot {slot}, where our keys are; see CLUSTER INFO")

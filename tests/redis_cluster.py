"""A Redis Cluster of three masters, one of which has a replica, as processes of this machine."""

from pathlib import Path
from types import TracebackType
from typing import Self

from oxyq.engine.address import Address, Cluster
from tests.redis_server import RedisServer, free_port, wait_until

#: How long a node is silent before the others take it for dead; by default 15 s.
NODE_TIMEOUT_MS = 1000
SLOTS = 16_384


class RedisCluster:
    """Starts it; `owner` has the keys under `prefix`, and `replica` follows it."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.masters = [self._node(folder / f"master-{n}") for n in range(3)]
        self.replica = self._node(folder / "replica")
        via = Address.from_url(self.url).for_prefix(prefix).via
        assert isinstance(via, Cluster)
        assert via.slot is not None
        self.owner = self.masters[via.slot * 3 // SLOTS]

    @property
    def url(self) -> str:
        """The address as REDIS_URL takes it."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.masters)

    def __enter__(self) -> Self:
        try:
            for node in self._all:
                node.start()
            self._join()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End all nodes."""
        for node in self._all:
            node.kill()

    def promote_replica(self) -> None:
        """Let the replica take over in order, as before maintenance: nothing is lost."""
        with self.replica.client() as client:
            client.execute_command("CLUSTER", "FAILOVER")

    @property
    def _all(self) -> list[RedisServer]:
        return [*self.masters, self.replica]

    @staticmethod
    def _node(folder: Path) -> RedisServer:
        folder.mkdir()
        return RedisServer(
            folder, "--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout",
            str(NODE_TIMEOUT_MS), "--cluster-replica-validity-factor", "0",
        )  # fmt: skip

    def _join(self) -> None:
        bounds = [SLOTS * n // 3 for n in range(4)]
        for number, node in enumerate(self.masters):
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self._all[1:]:
            with node.client() as client:
                first = self.masters[0]
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", first.port, _bus_port(first))
        wait_until(lambda: all(_knows(node, len(self._all)) for node in self._all), "the nodes to find each other")
        with self.owner.client() as client:
            owner_id = client.execute_command("CLUSTER", "MYID")
        with self.replica.client() as client:
            client.execute_command("CLUSTER", "REPLICATE", owner_id)
        wait_until(lambda: all(_is_well(node) for node in self._all), "the cluster to be well")
        wait_until(self.replica.follows, "the replica to have all data")


def _bus_port(node: RedisServer) -> int:
    return int(node.options[node.options.index("--cluster-port") + 1])


def _knows(node: RedisServer, count: int) -> bool:
    return f"cluster_known_nodes:{count}\r" in _cluster_info(node)


def _is_well(node: RedisServer) -> bool:
    return "cluster_state:ok\r" in _cluster_info(node)


def _cluster_info(node: RedisServer) -> str:
    with node.client() as client:
        return str(client.execute_command("CLUSTER", "INFO"))

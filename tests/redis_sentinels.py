"""A master, its replica and three sentinels, as processes of this machine: what fails over by itself."""

from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.redis_server import RedisServer, wait_until

SERVICE = "mymaster"
#: How long a master is silent before a sentinel takes it for dead; by default 30 s.
DOWN_AFTER_MS = 1000


class Sentinel(RedisServer):
    """One sentinel; it writes what it learns into its own configuration file. It speaks TLS if its master does."""

    def __init__(self, folder: Path, master: RedisServer, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.ca_file = master.ca_file
        self._file = folder / "sentinel.conf"
        login = [] if master.password is None else [f"sentinel auth-pass {SERVICE} {master.password}"]
        own = [] if password is None else [f"requirepass {password}", f"sentinel sentinel-pass {password}"]
        lines = [
            *self._listening(master),
            "bind 127.0.0.1",
            f"dir {folder}",
            *own,
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 2",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 5000",
            *login,
        ]
        self._file.write_text("\n".join(lines) + "\n")

    def _listening(self, master: RedisServer) -> list[str]:
        if master.ca_file is None:
            return [f"port {self.port}"]
        return [
            "port 0",
            f"tls-port {self.port}",
            f"tls-cert-file {master.folder / 'server.crt'}",
            f"tls-key-file {master.folder / 'server.key'}",
            f"tls-ca-cert-file {master.ca_file}",
            "tls-auth-clients no",
            "tls-replication yes",  # this is for its own connections, to the master and to other sentinels
        ]

    def _command(self) -> list[str]:
        return ["redis-server", str(self._file), "--sentinel"]


class WatchedRedis:
    """Starts them all; the sentinels have a password of their own. Block until each has found the others."""

    def __init__(self, folder: Path, *, password: str, sentinel_password: str) -> None:
        def place(name: str) -> Path:
            (folder / name).mkdir()
            return folder / name

        # Sentinels ask a replica for its data by this; in this little time nothing else may be lost.
        login = ("--masterauth", password)
        self.master = RedisServer(place("first"), *login, password=password)
        follows = ("--replicaof", "127.0.0.1", str(self.master.port))
        self.replica = RedisServer(place("second"), *login, *follows, password=password)
        self.sentinels = [Sentinel(place(f"s{n}"), self.master, password=sentinel_password) for n in range(3)]
        self._passwords = (password, sentinel_password)

    @property
    def url(self) -> str:
        """The address as REDIS_URL takes it: the sentinels, and who they let in."""
        password, sentinel_password = (quote(text, safe="") for text in self._passwords)
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{password}@{hosts}/{SERVICE}/0?sentinel_password={sentinel_password}"

    def __enter__(self) -> Self:
        try:
            for server in (self.master, self.replica, *self.sentinels):
                server.start()
            wait_until(lambda: all(map(self._knows_all, self.sentinels)), "the sentinels to find each other")
            wait_until(self.replica.follows, "the replica to have all data")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End them all; the sentinels first, or they would begin to fail over."""
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()

    def all_is_replicated(self) -> bool:
        """Whether the replica has everything that the master wrote so far."""
        with self.master.client() as client:
            client.set("replicated", 1, ex=60)  # WAIT waits for what its own connection wrote, and all before that
            return bool(client.wait(1, 1000) == 1)

    @staticmethod
    def _knows_all(sentinel: RedisServer) -> bool:
        with sentinel.client() as client:
            seen = client.sentinel_master(SERVICE)
            return (seen["num-other-sentinels"], seen["num-slaves"]) == (2, 1) and not seen["is_disconnected"]

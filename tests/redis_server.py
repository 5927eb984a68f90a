"""A real redis-server as a child of the tests, that a test may kill, freeze and start again."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.requirements import require

START_SECONDS = 10.0
STOP_SECONDS = 10.0


class RedisServer:
    """One redis-server on 127.0.0.1, or another `host` of this machine (::1), with its data in `folder`.

    `options` are arguments of redis-server ("--appendonly", "yes"). Without them it keeps nothing on disk.
    With `tls` it speaks only TLS, with a certificate of an authority made for it (`ca_file`). With `client_auth` it
    asks for one of the same authority (`client_cert`, `client_key`).
    The calls block; beside other work on the loop, `await asyncio.to_thread(server.restart)`.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        port: int | None = None,
        password: str | None = None,
        tls: bool = False,
        client_auth: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        require("redis-server")
        self.host = host
        self.client_auth = client_auth
        self.folder = folder
        self.options = options
        self.port = port or free_port()
        self.password = password
        self.ca_file = make_certificates(folder) if tls else None
        self.client_cert, self.client_key = folder / "client.crt", folder / "client.key"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address with the password, as REDIS_URL takes it."""
        scheme = "redis" if self.ca_file is None else "rediss"
        login = "" if self.password is None else f":{quote(self.password, safe='')}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{login}{host}:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> Self:
        """Start it and return when it answers PING, with all its data loaded."""
        assert self._process is None, "the server is running already"
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._wait_for_ping()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Let it shut down in order (SIGTERM: what it keeps on disk is complete); no harm when it is gone."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Take it away at once, as a crash does (SIGKILL); no harm when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> Self:
        """Start it again on the same port and data; stops it first, in order, when it runs."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause()` (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def client(self) -> "redis.Redis":
        """A blocking client, for a test's own looks into the data; close it (it is a context manager)."""
        tls = {} if self.ca_file is None else {"ssl_ca_certs": str(self.ca_file)}
        if self.client_auth:
            tls |= {"ssl_certfile": str(self.client_cert), "ssl_keyfile": str(self.client_key)}
        # The client would try again by itself, over seconds; here the first answer counts.
        no_retry = Retry(NoBackoff(), 0)
        return redis.Redis.from_url(
            self.url, decode_responses=True, socket_timeout=START_SECONDS, retry=no_retry, **tls
        )

    def follows(self) -> bool:
        """Whether it is a replica that has all data of its master."""
        with self.client() as client:
            seen = client.info("replication")
            return (seen["role"], seen.get("master_link_status")) == ("slave", "up")

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(number)

    def _command(self) -> list[str]:
        nothing_on_disk = ["--save", "", "--appendonly", "no"]
        place = ["--bind", self.host, "--dir", str(self.folder), "--daemonize", "no"]
        login = [] if self.password is None else ["--requirepass", self.password]
        # Redis takes the last word on an option, so a test's own options win.
        return ["redis-server", *place, *self._listen(), *login, *nothing_on_disk, *self.options]

    def _listen(self) -> list[str]:
        if self.ca_file is None:
            return ["--port", str(self.port)]
        certificate, key = self.folder / "server.crt", self.folder / "server.key"
        files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
        asks = "yes" if self.client_auth else "no"
        authority = ["--tls-ca-cert-file", str(self.ca_file), "--tls-auth-clients", asks]
        return ["--port", "0", "--tls-port", str(self.port), *files, *authority]

    def _wait_for_ping(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers_ping():
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"redis-server ended at its start:\n{self._end_of_log()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"redis-server gave no PONG in {START_SECONDS} s:\n{self._end_of_log()}")
            # A refused connection answers at once, so the asking itself needs a pause.
            time.sleep(0.01)

    def _answers_ping(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            # BusyLoadingError, "the data is still being loaded", is a ConnectionError too.
            return False

    def _end_of_log(self) -> str:
        return (self.folder / "redis.log").read_text(errors="replace")[-2000:]


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait in this thread until servers came to something; fails naming it."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_certificates(folder: Path) -> Path:
    """Make server.crt and client.crt with their keys, for this machine, and return their authority's ca.crt."""
    require("openssl")
    # keyUsage is for Python 3.13, which checks authorities strictly.
    may_sign = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
    _openssl_certificate(folder, "ca", "Oxyq test authority", may_sign)
    sign_certificate(folder, "server", "IP:127.0.0.1,IP:::1,DNS:localhost")
    sign_certificate(folder, "client", "DNS:oxyq")
    return folder / "ca.crt"


def sign_certificate(folder: Path, name: str, names: str, *more: str) -> None:
    """Make a certificate, `name`.crt, for these `names` (OpenSSL's subjectAltName), of the authority in `folder`."""
    for_names = ["-addext", f"subjectAltName={names}", "-addext", "basicConstraints=CA:FALSE"]
    signed = ["-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")]
    _openssl_certificate(folder, name, name, [*signed, *for_names, *more])


def _openssl_certificate(folder: Path, name: str, subject: str, more: list[str]) -> None:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    command = ["openssl", "req", "-x509", *curve, "-days", "2", "-subj", f"/CN={subject}", *files, *more]
    subprocess.run(command, check=True, capture_output=True)

"""A connection to Redis for threads, which must not wait for the event loop: one command at a time."""

import contextlib
import socket
import time
from types import TracebackType
from typing import Self, cast

import hiredis

from oxyq.engine.address import Address
from oxyq.engine.resp import Argument, RedisReplyError, Reply, packed

_CHUNK_BYTES = 65_536


class BlockingConnection:
    """Open from the start, and used no more after an error; it tries nothing twice.

    Raises OSError (TimeoutError after `timeout_seconds` for a command), RedisReplyError, ConfigurationError.
    """

    def __init__(self, address: Address, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._reader = hiredis.Reader()
        self._socket = _opened(address, timeout_seconds)
        try:
            for command in address.greeting():
                self.call(*command)
        except BaseException:
            self.close()
            raise

    def call(self, *command: Argument) -> Reply:
        """Send one command and wait for its reply."""
        deadline = time.monotonic() + self._timeout
        self._socket.settimeout(self._timeout)
        self._socket.sendall(packed(command))
        while (reply := self._next_reply()) is False:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer within {self._timeout:g} s")
            self._socket.settimeout(left)
            data = self._socket.recv(_CHUNK_BYTES)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._reader.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise RedisReplyError(str(reply))
        return cast("Reply", reply)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next_reply(self) -> object:
        try:
            return self._reader.gets()
        except hiredis.HiredisError as error:
            raise ConnectionError(f"what answers there is no Redis ({error})") from None


def _opened(address: Address, timeout_seconds: float) -> socket.socket:
    if address.path is not None:
        unix = socket.socket(socket.AF_UNIX)
        unix.settimeout(timeout_seconds)
        with contextlib.ExitStack() as undo:
            undo.callback(unix.close)
            unix.connect(address.path)
            undo.pop_all()
        return unix
    tls = address.tls_context()
    plain = socket.create_connection((address.host, address.port), timeout_seconds)
    if tls is None:
        return plain
    with contextlib.ExitStack() as undo:
        undo.callback(plain.close)
        secure = tls.wrap_socket(plain, server_hostname=address.host)
        undo.pop_all()
    return secure

"""The headers by which a service of ours goes on with the trace of whoever calls it."""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

#: Set around what is sent while traces are on. For our own bridge only: others need not know what belongs together.
TRACE_HEADERS: Final[ContextVar[Mapping[str, str]]] = ContextVar("TRACE_HEADERS", default=MappingProxyType({}))

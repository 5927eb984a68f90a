"""Which versions of Redis and Valkey we work with, and which have holes that are known and mended."""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Server: TypeAlias = Literal["redis", "valkey"]
Version: TypeAlias = tuple[int, int, int]

#: Scripts that drain a full server need its `allow-oom` (Redis 7.0).
OLDEST: Final[Version] = (7, 0, 0)

#: The first release of each line without the holes below, from the servers' release notes up to September 2026. Lines
#: that are not here get no more of them; newer ones are not known to have any.
#:   CVE-2025-49844  a Lua script runs code of its own
#:   CVE-2026-23479  a client that waits (as workers do) and is evicted is used after it was freed
#:   CVE-2026-81934  Redis over TLS: without any password
#:   CVE-2026-56684  Valkey over TLS: CLIENT KILL
MENDED: Final[Mapping[Server, Mapping[tuple[int, int], int]]] = {
    "redis": {(7, 2): 16, (7, 4): 11, (8, 2): 9, (8, 4): 6, (8, 6): 6, (8, 8): 2, (8, 10): 1},
    "valkey": {(7, 2): 14, (8, 0): 10, (8, 1): 9, (9, 0): 5, (9, 1): 1},
}
HOLES: Final[Mapping[Server, str]] = {
    "redis": "CVE-2025-49844, CVE-2026-23479, CVE-2026-81934",
    "valkey": "CVE-2025-49844, CVE-2026-23479, CVE-2026-56684",
}


def read_version(text: str | None) -> Version | None:
    """`7.2.4` as numbers; None for what is no version."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text or "")
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))


def mended_in(server: Server, version: Version) -> str | None:
    """The release to change to; None where no hole is known that it would close."""
    lines = MENDED[server]
    line, patch = version[:2], version[2]
    if line > max(lines) or (line in lines and patch >= lines[line]):
        return None
    # In its own line, else in the next that is looked after.
    to = min(known for known in lines if known >= line)
    return ".".join(str(number) for number in (*to, lines[to]))

"""What `INFO` answers, read: the one place that knows how Redis, Valkey and hosted servers say it."""

import re
from collections.abc import Mapping


def read_info(reply: object) -> dict[str, str]:
    """The reply to `INFO`, field by field; empty for what is no such reply."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else ""
    return dict(re.findall(r"^(\w+):([^\r\n]*)", text, re.MULTILINE))


def info_number(info: Mapping[str, str], name: str) -> int | None:
    """A field that is a whole number; None when it is missing, or something else."""
    text = info.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def is_on_disk(info: Mapping[str, str]) -> bool | None:
    """Whether what is acknowledged is written to the append-only file; None where it is not said."""
    return {"0": False, "1": True}.get(info.get("aof_enabled", ""))


def used_percent(info: Mapping[str, str]) -> int | None:
    """How much of `maxmemory` is used, rounded down; None without a limit, or where it is not said."""
    used, most = info_number(info, "used_memory"), info_number(info, "maxmemory")
    return None if used is None or not most else used * 100 // most

"""Every route that an application serves, however deep FastAPI nests it, and what stands before its handler."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

#: What stands in the addresses of routes; every other part is "x".
NAMED = {
    "queue": "message",
    "job_id": "msg-12345678",
    "campaign_id": "c",
    "number": "5511999999999",
    "contact": "5511999999999",
    "automation_id": "a",
    "schedule_id": "s",
    "instance_id": "wa_1",
    "name": "access_token",
    "organization_id": "org_2",
}


@dataclass(frozen=True, slots=True)
class Served:
    """One method of one address, and the names of the checks that come before its handler."""

    method: str
    path: str
    checks: frozenset[str]

    @property
    def address(self) -> str:
        """The path with something in place of each parameter."""
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: NAMED.get(found[1], "x"), self.path)


def served(owner: Any, prefix: str = "") -> Iterator[Served]:
    """What `owner` serves: an application, a router, or what is mounted."""
    for route in owner.routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if hasattr(inner, "routes"):
            yield from served(inner, prefix + getattr(route, "path", ""))
        elif hasattr(route, "path"):
            checks = frozenset(_names(getattr(route, "dependant", None)))
            yield from (Served(method, prefix + route.path, checks) for method in route.methods)
        else:
            pytest.fail(f"{route!r} is a kind of route that this test cannot look into")


def _names(dependant: Any) -> Iterator[str]:
    for dependency in getattr(dependant, "dependencies", ()):
        yield getattr(dependency.call, "__name__", "")

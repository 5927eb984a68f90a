"""What each role allows: a table."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from oxyq.access.tokens import Principal, Role
from oxyq.errors import NotAllowed


class Permission(StrEnum):
    """Kinds of things that can be done here."""

    LOOK = "look"
    ACT = "act"
    """Add, retry, remove, pause, replay, take over: all that keeps the work going."""
    SETTINGS = "settings"
    """Change how it works from now on: limits, organizations, numbers, answers."""
    AUDIT = "audit"
    """See who did what."""
    REVEAL = "reveal"
    """See numbers and texts of people that are masked otherwise."""


GRANTED: Final[Mapping[Role, frozenset[Permission]]] = {
    "owner": frozenset(Permission),
    "operator": frozenset((Permission.LOOK, Permission.ACT, Permission.AUDIT)),
    "viewer": frozenset((Permission.LOOK,)),
    # The company's own programs: they hand numbers and texts in, and get no session on the board.
    "service": frozenset((Permission.LOOK, Permission.ACT, Permission.SETTINGS)),
}


def is_granted(role: Role, permission: Permission) -> bool:
    """Whether this role allows it."""
    return permission in GRANTED[role]


def roles_with(permission: Permission) -> list[Role]:
    """The roles that allow it, in alphabetical order."""
    return sorted(role for role, granted in GRANTED.items() if permission in granted)


def is_person(role: Role) -> bool:
    """Whether somebody of this role is a person, who may have a session on the board."""
    return role != "service"


def people_only(principal: Principal) -> None:
    """Refuse programs, which have no business on the board; raises NotAllowed."""
    if not is_person(principal.role):
        raise NotAllowed("the role service is for programs; log in as owner, operator or viewer")

"""Who is shown people's numbers and texts by the API: owners, and programs, which handed them in."""

from fastapi import Request

from oxyq.access.permissions import Permission, is_granted, is_person
from oxyq.api.access import caller


def is_masked_for(request: Request) -> bool:
    """Whether numbers and texts of people are masked in what this caller is told."""
    role = caller(request).role
    return is_person(role) and not is_granted(role, Permission.REVEAL)

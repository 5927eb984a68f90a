"""Changes a part of what is stored, as the board and the API do: an organization's weight, and an automation's time.

    python -m tests.versions.rewrite ORGANIZATION AUTOMATION AT_MS

Runs with whichever release is on the path: only what all of them have is used here.
"""

import asyncio
import sys

from oxyq.app import open_app
from oxyq.organizations import Organization
from oxyq.settings import load_settings


def heavier(organization: Organization) -> Organization:
    """The same with twice the weight."""
    return organization.model_copy(update={"weight": 2})


async def rewrite(organization_id: str, automation_id: str, at_ms: int) -> None:
    """Change both."""
    async with open_app(load_settings()) as app:
        await app.organizations.change(organization_id, heavier)
        await app.automation_control.reschedule(organization_id, automation_id, at_ms)


asyncio.run(rewrite(sys.argv[1], sys.argv[2], int(sys.argv[3])))

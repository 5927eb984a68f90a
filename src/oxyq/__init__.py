"""Oxyq: the queue backbone of a WhatsApp business platform, on BullMQ's data model.

    from oxyq import add_message_job
    await add_message_job(organizationId="org_123", instanceId="wa_1", ...)

These four functions read the settings from the environment and keep one connection per event loop; `close()` ends it.
Whoever runs workers or wants their own connections uses `oxyq.engine`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oxyq.client import add_automation_job, add_campaign_job, add_message_job, close, send_to_dlq

__version__ = "1.0.0"
__all__ = ["__version__", "add_automation_job", "add_campaign_job", "add_message_job", "close", "send_to_dlq"]


def __getattr__(name: str) -> object:
    # Imported when asked for: `oxyq --help` and the engine alone need none of it.
    if name in __all__:
        return getattr(importlib.import_module("oxyq.client"), name)
    raise AttributeError(f"module 'oxyq' has no attribute {name!r}")

"""What is asked of Redis before a process of ours starts: in production, nothing that loses jobs."""

import logging

from oxyq.engine.hub import Hub
from oxyq.errors import ConfigurationError
from oxyq.operating.doctor.doctor import Doctor
from oxyq.settings import Settings


async def refuse_loss(hub: Hub, settings: Settings) -> None:
    """Look for what loses jobs, once Redis is there; in development, and with `accept_loss`, it is only warned of.

    Raises ConfigurationError naming each with its fix, QueueUnavailable when Redis goes away meanwhile.
    """
    found = await Doctor(hub, settings).look_for_loss()
    refused = [str(finding) for finding in found if finding.level == "refuses"]
    if refused and settings.is_production and not settings.accept_loss:
        raise ConfigurationError(
            *refused, "production does not start like this; --i-accept-loss starts it all the same"
        )
    # What cannot be known is told in production only: in development it is mostly as it comes.
    for finding in found:
        if settings.is_production or finding.level == "refuses":
            # The standard logger, since it reaches standard error even when nobody has set up any logging.
            logging.getLogger("oxyq").warning("%s", finding)

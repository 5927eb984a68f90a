"""Which files can carry words."""

from oxyq.gateways.base import NeverWill
from oxyq.gateways.outbound import OutboundMedia


def checked_caption(message: OutboundMedia) -> str:
    """The words that go with the file; NeverWill for kinds that WhatsApp shows without, so that none get lost."""
    if message.caption and message.kind in ("audio", "sticker"):
        raise NeverWill(f"{message.key}: caption: WhatsApp shows none with {message.kind}; send the words as a text")
    return message.caption

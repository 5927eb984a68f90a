"""To whom a gateway can send: digits, or an id that hides them, of the kind that this gateway knows."""

from oxyq.gateways.base import NeverWill
from oxyq.gateways.outbound import Outbound
from oxyq.numbers import is_hidden, sender_address


def checked_recipient(message: Outbound, *, allows_lid: bool = False, allows_bsuid: bool = False) -> str:
    """The recipient's digits or hidden id; NeverWill when it is none, or one of another gateway's."""
    try:
        address = sender_address(message.recipient)
    except ValueError as error:
        raise NeverWill(f"{message.key}: the number {error}") from None
    is_lid = address.endswith("@lid")
    if is_hidden(address) and not (allows_lid if is_lid else allows_bsuid):
        kind = "WhatsApp's hidden id (@lid)" if is_lid else "Meta's id of a person"
        raise NeverWill(f"{message.key}: {kind} is not known by this gateway; use the person's number")
    return address


def jid(address: str) -> str:
    """The address as WhatsApp's own servers write it."""
    return address if is_hidden(address) else f"{address}@s.whatsapp.net"

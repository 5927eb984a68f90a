"""Phone numbers as WhatsApp and people write them: their digits, and the one form that tells who is who."""

import re
from typing import Final

from oxyq.errors import InvalidPayload

MAX_NUMBER_CHARACTERS: Final = 64
"""Of a number as it was written, with its signs and its ending; no ending that exists comes near."""

_WRONG_SERVERS: Final = {
    "g.us": "is a group, and groups are not answered; use a person's number",
    "lid": "is a hidden id (@lid) and no phone number; send the number of senderPn instead",
    "broadcast": "is a broadcast list; use a person's number",
    "newsletter": "is a channel; use a person's number",
}


def normalize_number(written: str) -> str:
    """The digits of a phone number, however WhatsApp or a person wrote it.

    Takes `5511999999999@c.us`, `5511999999999:12@s.whatsapp.net`, `+55 (11) 99999-9999`: 8 to 15 digits.
    InvalidPayload("number", …) for everything else, groups and hidden ids included.
    """
    try:
        return digits(written)
    except ValueError as error:
        raise InvalidPayload("number", str(error)) from None


def digits(written: str) -> str:
    """As `normalize_number`, but with ValueError: the form that pydantic takes as a check of a field."""
    address, _, server = written[: MAX_NUMBER_CHARACTERS + 1].partition("@")
    if server not in ("", "c.us", "s.whatsapp.net"):
        raise ValueError(_WRONG_SERVERS.get(server, "has an unknown ending behind @; use @c.us, or digits only"))
    address = re.sub(r":[0-9]{1,5}$", "", address, flags=re.ASCII)
    number = re.sub(r"[ ()\-]", "", address.removeprefix("+"))
    if not re.fullmatch(r"[0-9]*", number):
        raise ValueError("has other characters than digits, spaces, + - ( ); write it as 5511999999999")
    if not 8 <= len(number) <= 15:
        raise ValueError("must have 8 to 15 digits, country code included, such as 5511999999999")
    if number.startswith("0"):
        raise ValueError("must begin with the country code, such as 55, and not with 0")
    return number


def contact_key(number: str) -> str:
    """The one form under which a contact is known: Brazilian mobiles always with their ninth digit.

    `number` is what `normalize_number` gave. Only for comparing: WhatsApp may know them by the other form.
    """
    # Landlines (2 to 5 behind the area code) use WhatsApp Business too and never had a ninth digit.
    if re.fullmatch(r"55[1-9][1-9][6-9][0-9]{7}", number):
        return f"{number[:4]}9{number[4:]}"
    return number

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


_AREA_CODES: Final = frozenset(
    "11 12 13 14 15 16 17 18 19 21 22 24 27 28 31 32 33 34 35 37 38 41 42 43 44 45 46 47 48 49 51 53 54 55 61 62 63 64 "
    "65 66 67 68 69 71 73 74 75 77 79 81 82 83 84 85 86 87 88 89 91 92 93 94 95 96 97 98 99".split()
)
"""The 67 of Brazil's numbering plan (Anatel); they change once in decades."""

# Behind the area code nine digits, or eight: of a landline (2 to 5), or of a mobile as before the ninth digit.
_BRAZILIAN: Final = re.compile(r"(?:\+?550?|0)?([1-9][1-9])(9[0-9]{8}|[2-9][0-9]{7})")
#: Mobiles that nobody has yet: Anatel gives out those that begin with 9. With their country code they are taken all the
#: same, as in the examples that others were given (5511888888888): WhatsApp is the one to say who is not there.
_NOT_GIVEN_OUT: Final = re.compile(r"\+?55([1-9][1-9])[6-8][0-9]{8}")
#: A LID, or a BSUID (two letters of a country, behind them perhaps ENT, and what nobody can read).
_HIDDEN_ID: Final = re.compile(r"[0-9]{5,20}@lid|[A-Z]{2}(?:\.ENT)?\.[A-Za-z0-9]{1,100}")
_SIGNS: Final = str.maketrans("", "", " ()-")

_FORMS: Final = "write it as (11) 99999-9999 or 5511999999999, and one of another country with + and its country code"
_NO_AREA_CODE: Final = f"has no area code; {_FORMS}"
_NO_SUCH_AREA_CODE: Final = "has an area code that Brazil does not have; check the two digits before the number"
_NOT_BRAZILIAN: Final = (
    "does not exist in Brazil; behind the area code a mobile has 9 digits and begins with 9, a landline has 8 and "
    "begins with 2 to 5"
)
_NOWHERE: Final = f"does not exist; {_FORMS}"


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
    if len(written) > MAX_NUMBER_CHARACTERS:
        raise ValueError("must have 8 to 15 digits, country code included, such as 5511999999999")
    address, _, server = written.partition("@")
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


def sender_address(written: str) -> str:
    """Who wrote to us, with ValueError as `digits`: digits, or the id that hides a number (`…@lid`, `BR.…`) as it is.

    Sources: WhatsApp's hidden ids (LID) as Baileys shows them, and Meta's business-scoped user ids (BSUID, 2026).
    """
    return written if _HIDDEN_ID.fullmatch(written) else digits(written)


def is_hidden(address: str) -> bool:
    """Whether what `sender_address` gave is no phone number, but an id that stands for one."""
    return not address.isdigit()


def canonical_number(written: str) -> str:
    """The digits of a number that we write to first, in E.164 without +, a Brazilian mobile with its ninth digit.

    Takes what `normalize_number` takes, and Brazilian numbers without country code: `(11) 99999-9999`,
    `011 99999-9999`, `11 9999-0001`. Ten or eleven digits without + that can be Brazilian are, even where
    another country has such a number, so lists write others with +. For the same reason never give it what it gave:
    that is for `normalize_number`.
    InvalidPayload("number", …) for everything else, numbers that do not exist included. Source: Anatel's area codes
    and Google's libphonenumber, with which it agrees but for Brazilian mobiles that were not given out yet.
    """
    try:
        return _canonical(written)
    except ValueError as error:
        raise InvalidPayload("number", str(error)) from None


def contact_key(number: str) -> str:
    """The one form under which a contact is known: Brazilian mobiles always with their ninth digit.

    `number` is what `normalize_number` gave. Only for comparing: WhatsApp may know them by the other form.
    """
    # Landlines (2 to 5 behind the area code) use WhatsApp Business too and never had a ninth digit.
    if re.fullmatch(r"55[1-9][1-9][6-9][0-9]{7}", number):
        return f"{number[:4]}9{number[4:]}"
    return number


def contact_of(written: str) -> str:
    """The one form under which whoever wrote from this address is known: a number's, or the hidden id itself.

    InvalidPayload("number", …) for what is neither.
    """
    try:
        address = sender_address(written)
    except ValueError as error:
        raise InvalidPayload("number", str(error)) from None
    return address if is_hidden(address) else contact_key(address)


def _canonical(written: str) -> str:
    number = written.translate(_SIGNS)
    if "@" in number or ":" in number:
        # What WhatsApp wrote is international, and its endings are checked in one place.
        number = f"+{digits(number)}"
    brazilian = _BRAZILIAN.fullmatch(number)
    if brazilian and brazilian[1] in _AREA_CODES:
        return _with_ninth_digit(brazilian[1], brazilian[2])
    future = _NOT_GIVEN_OUT.fullmatch(number)
    if future and future[1] in _AREA_CODES:
        return number.removeprefix("+")
    is_national = number.startswith("0") or written.startswith("(")
    if is_national and re.fullmatch("[0-9]{10,15}", number):
        return _looked_up(number)
    international = f"+{digits(number)}"
    if not number.startswith("+") and len(number) < 10:
        # One in thirty Brazilian numbers without their area code is somebody's in another country.
        raise ValueError(_NO_AREA_CODE)
    return _looked_up(international)


def _with_ninth_digit(area: str, local: str) -> str:
    # Landlines (2 to 5) use WhatsApp too and never had one.
    return f"55{area}9{local}" if len(local) == 8 and local[0] > "5" else f"55{area}{local}"


def _looked_up(number: str) -> str:
    """By the library, which knows all countries, and Brazil's rare forms: 0800, or with a carrier's code."""
    # Here, because few numbers need it, and it takes a while to import.
    import phonenumbers

    try:
        known = phonenumbers.parse(number, "BR")
    except phonenumbers.NumberParseException:
        raise ValueError(_NOWHERE) from None
    if phonenumbers.is_valid_number(known):
        return phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    raise ValueError(_why_not(number))


def _why_not(number: str) -> str:
    brazilian = re.fullmatch(r"(?:\+55|0?)([0-9]{2})[0-9]{8,9}", number)
    if not brazilian:
        return _NOWHERE
    return _NOT_BRAZILIAN if brazilian[1] in _AREA_CODES else _NO_SUCH_AREA_CODE

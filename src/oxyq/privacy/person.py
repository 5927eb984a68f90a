"""One person in all spellings: how a number or hidden id may stand in anything that is stored."""

import base64
import re
from collections.abc import Iterable
from typing import Final

from oxyq.engine.json_text import decode_json, encode_json
from oxyq.numbers import contact_of, is_hidden
from oxyq.outcomes import JsonValue

ERASED: Final = "[erased]"
"""What stands where a number stood, in texts that are not the person's own."""

#: What people put between digits.
_SIGNS: Final = r"[ ().\-/]{0,2}"
_BRAZILIAN_MOBILE: Final = re.compile(r"55([1-9][1-9])9([0-9]{8})", re.ASCII)
_SIGN_BYTES: Final = b" ().-/+"
#: The digits of a number that every spelling has.
_CORE_DIGITS: Final = 8
_SERVER: Final = r"(?::[0-9]{1,5})?(?:@[a-z.]{1,20})?"
_BASE64: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-")
#: Opening and closing of what may be JSON, and so is read as that.
_JSON: Final = {"{": "}", "[": "]"}


class Person:
    """One person by all addresses that are known: numbers with and without the ninth digit, LIDs, BSUIDs.

    A number without its area code is not recognized: it could be anybody's.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        self.addresses = frozenset(contact_of(address) for address in addresses)
        numbers = sorted(address for address in self.addresses if not is_hidden(address))
        written = [form for number in numbers for form in _number_forms(number)]
        written += [_hidden_form(address) for address in sorted(self.addresses) if is_hidden(address)]
        plain = "|".join(written)
        packed = "|".join(inner for address in sorted(self.addresses) for inner in _in_base64(address))
        self._whole = re.compile(rf"\s*(?:{plain}){_SERVER}\s*")
        self._written = re.compile(plain)
        self._packed = re.compile(packed)
        self._anywhere = re.compile(f"{plain}|{packed}")
        self._cores = [_core(address) for address in self.addresses]
        self._packed_cores = [part.encode() for address in self.addresses for part in _in_base64(address)]

    def spellings(self) -> list[str]:
        """Their addresses as programs write them, with and without Brazil's ninth digit."""
        return sorted({form for address in self.addresses for form in _plain_spellings(address)})

    def is_at(self, address: str) -> bool:
        """Whether this whole text is an address of theirs."""
        return self._whole.fullmatch(address) is not None

    def is_in(self, stored: bytes) -> bool:
        """Whether they stand anywhere in this, readable or as base64."""
        # Nearly nothing mentions anybody, and looking for bytes is a hundred times as fast as the patterns.
        bare = stored.translate(None, _SIGN_BYTES)
        for core in self._cores:
            if core in bare:
                break
        else:
            for core in self._packed_cores:
                if core in stored:
                    break
            else:
                return False
        return self._anywhere.search(stored.decode("latin-1")) is not None

    def is_in_text(self, text: str) -> bool:
        """As `is_in`."""
        return self.is_in(text.encode("utf-8", "surrogatepass"))

    def taken_out(self, stored: bytes) -> bytes:
        """The same without them; JSON stays JSON."""
        text = stored.decode("latin-1")
        if text and _JSON.get(text[0]) == text[-1]:
            try:
                return encode_json(self.taken_out_of_json(decode_json(stored))).encode()
            except (ValueError, RecursionError):
                pass
        return self.taken_out_of_text(text).encode("latin-1")

    def taken_out_of_json(self, value: JsonValue) -> JsonValue:
        """The same without them, names of fields included; a number that is theirs becomes null."""
        match value:
            case dict():
                return {self.taken_out_of_text(name): self.taken_out_of_json(field) for name, field in value.items()}
            case list():
                return [self.taken_out_of_json(item) for item in value]
            case str():
                return self.taken_out_of_text(value)
            case int() | float() if not isinstance(value, bool) and self.is_in_text(str(value)):
                return None
            case _:
                return value

    def taken_out_of_text(self, text: str) -> str:
        """The same with ERASED where they stood; of what is base64, such as ids of Meta's, nothing is left."""
        text = self._written.sub(ERASED, text)
        while found := self._packed.search(text):
            start, end = found.span()
            while start and text[start - 1] in _BASE64:
                start -= 1
            while end < len(text) and text[end] in _BASE64:
                end += 1
            text = f"{text[:start]}{ERASED}{text[end:]}"
        return text


def _plain_spellings(address: str) -> list[str]:
    mobile = _BRAZILIAN_MOBILE.fullmatch(address)
    return [address] if mobile is None else [address, f"55{mobile[1]}{mobile[2]}"]


def _number_forms(number: str) -> list[str]:
    """Patterns of one number, the longest first; from twelve digits on nothing else looks like it."""
    mobile = _BRAZILIAN_MOBILE.fullmatch(number)
    if mobile is None:
        national = number[2:] if re.fullmatch(r"55[1-9][1-9][0-9]{8}", number) else None
    else:
        national = f"{mobile[1]}9?{mobile[2]}"
    if national is None:
        body = _spaced(number)
        return [body if len(number) > 11 else rf"(?<![0-9]){body}(?![0-9])"]
    return [_spaced(f"55{national}"), rf"(?<![0-9])(?:0(?:[0-9]{{2}})?{_SIGNS})?\(?{_spaced(national)}(?![0-9])"]


def _spaced(digits: str) -> str:
    return r"\+?" + _SIGNS.join(re.findall(r"[0-9]\??", digits))


def _hidden_form(address: str) -> str:
    local, at, _ = address.partition("@")
    return rf"(?<![0-9]){local}(?![0-9])" if at else rf"(?<![A-Za-z0-9.]){re.escape(address)}(?![A-Za-z0-9])"


def _in_base64(address: str) -> list[str]:
    """What each spelling looks like inside base64, wherever it begins among three bytes."""
    found = list[str]()
    for spelling in _plain_spellings(address):
        local = spelling.partition("@")[0].encode()
        for shift in range(3):
            packed = base64.b64encode(b"\0" * shift + local).decode()
            # Only letters that hold nothing but bits of it.
            found.append(packed[-(-shift * 8 // 6) : (shift + len(local)) * 8 // 6])
    return found


def _core(address: str) -> bytes:
    """What of an address stands in it however it is written, signs aside."""
    local = address.partition("@")[0].encode().translate(None, _SIGN_BYTES)
    return local if is_hidden(address) else local[-_CORE_DIGITS:]

"""Numbers: digits however they were written, and one key for each contact."""

import re
from itertools import product
from typing import Any

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from oxyq.errors import InvalidPayload
from oxyq.numbers import canonical_number, contact_key, digits, normalize_number

NO_NUMBERS = [
    ("", "8 to 15 digits"),
    ("1234567", "8 to 15 digits"),
    ("1" * 16, "8 to 15 digits"),
    ("1" * 40, "8 to 15 digits"),
    ("1" * 1_000_000, "8 to 15 digits"),
    ("5511abc999999", "other characters than digits"),
    ("٥٥١١٩٩٩٩٩٩٩٩٩", "other characters than digits"),
    ("5511999999999\u0660", "other characters than digits"),
    ("\u202a5511999999999\u202c", "other characters than digits"),
    ("55+11999999999", "other characters than digits"),
    ("011999999999", "country code"),
    ("120363025246125486@g.us", "is a group"),
    ("123456789012345@lid", "hidden id"),
    ("5511999999999@example.com", "unknown ending"),
]


@pytest.mark.parametrize(
    "written",
    [
        "5511999999999",
        "5511999999999@c.us",
        "5511999999999@s.whatsapp.net",
        "5511999999999:12@s.whatsapp.net",
        "5511999999999:0@c.us",
        "+5511999999999",
        "+55 (11) 99999-9999",
        "55 11 9 9999 9999",
    ],
)
def test_a_number_is_its_digits_however_it_was_written(written: str) -> None:
    assert normalize_number(written) == "5511999999999"


@pytest.mark.parametrize(("written", "problem"), NO_NUMBERS)
def test_what_is_no_number_is_refused(written: str, problem: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        normalize_number(written)

    assert caught.value.field == "number"
    assert problem in caught.value.problem


@given(st.text("0123456789+-() @:.cuslidg\u202a\u0665", max_size=30))
def test_a_number_is_8_to_15_digits_or_refused(written: str) -> None:
    try:
        number = normalize_number(written)
    except InvalidPayload:
        return
    assert re.fullmatch("[1-9][0-9]{7,14}", number)
    assert normalize_number(number) == number


@given(st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True), st.randoms(use_true_random=False))
def test_spaces_and_signs_never_change_a_number(number: str, random: Any) -> None:
    written = "".join(digit + random.choice(["", "", " ", "-", "(", ")"]) for digit in number)

    assert normalize_number(f"+{written}@c.us") == number


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("5511999990001", "5511999990001"),
        ("551199990001", "5511999990001"),
        ("553196883193", "5531996883193"),
        ("551133334444", "551133334444"),
        ("551123334444", "551123334444"),
        ("551153334444", "551153334444"),
        ("16505551234", "16505551234"),
        ("5500999990001", "5500999990001"),
    ],
    ids=["with 9", "without 9", "other area", "landline 3", "landline 2", "landline 5", "abroad", "no area"],
)
def test_a_brazilian_mobile_has_one_key_with_and_without_its_ninth_digit(number: str, key: str) -> None:
    assert contact_key(number) == key


def test_as_a_check_of_a_field_it_raises_what_pydantic_takes() -> None:
    assert digits("+55 (11) 99999-9999") == "5511999999999"
    with pytest.raises(ValueError, match="8 to 15 digits"):
        digits("123")


# --- numbers that we write to first ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("5511999990001", "5511999990001"),
        ("551199990001", "5511999990001"),
        ("5531996883193", "5531996883193"),
        ("553196883193", "5531996883193"),
        ("11 99999-0001", "5511999990001"),
        ("(84) 9 9999-1234", "5584999991234"),
        ("551133334444", "551133334444"),
        ("5521964180266", "5521964180266"),
        ("5511999990001@c.us", "5511999990001"),
        ("551199990001:12@s.whatsapp.net", "5511999990001"),
        ("(11) 99999-9999", "5511999999999"),
        ("011 99999-9999", "5511999999999"),
        ("11 9999-0001", "5511999990001"),
        ("011 9999-0001", "5511999990001"),
        ("+55 (011) 9999-0001", "5511999990001"),
        ("(011) 3333-4444", "551133334444"),
        ("55 11 99999" + " " * 60 + "0001", "5511999990001"),
        ("+55 11 99999-9999", "5511999999999"),
        ("(+55) 11 99999-9999", "5511999999999"),
        ("+55 (011) 99999-9999", "5511999999999"),
        ("0 15 11 99999-9999", "5511999999999"),
        ("0800 729 0001", "558007290001"),
    ],
)
def test_a_brazilian_number_has_one_form_however_it_was_written(written: str, number: str) -> None:
    assert canonical_number(written) == number


@pytest.mark.parametrize("written", ["5511888888888", "+55 (11) 77777-7777"])
def test_mobiles_that_were_not_given_out_yet_are_taken(written: str) -> None:
    """As in the examples of the queue's JSON."""
    assert canonical_number(written) == written.translate(str.maketrans("", "", "+ ()-"))


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+16505551234", "16505551234"),
        ("16505551234", "16505551234"),
        ("+351 912 345 678", "351912345678"),
        ("351912345678", "351912345678"),
        ("+54 9 11 2345-6789", "5491123456789"),
        ("+39 06 1234 5678", "390612345678"),
    ],
)
def test_other_countries_keep_their_own_form(written: str, number: str) -> None:
    assert canonical_number(written) == number


def test_without_a_sign_from_abroad_a_number_that_can_be_brazilian_is() -> None:
    """Porto Alegre or Peru, Santa Maria or country code: lists are Brazilian unless they say otherwise."""
    assert canonical_number("51987654321") == "5551987654321"
    assert canonical_number("55999999999") == "5555999999999"

    assert canonical_number("+51987654321") == "51987654321"
    assert canonical_number("51987654321@c.us") == "51987654321"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("(11) 89999-0001", "does not exist in Brazil; behind the area code a mobile has 9 digits"),
        ("551113334444", "does not exist in Brazil"),
        ("5500999990001", "has an area code that Brazil does not have; check the two digits"),
        ("5520999990001", "has an area code that Brazil does not have"),
        ("(10) 99999-9999", "has an area code that Brazil does not have"),
        # Egypt has this number.
        ("(20) 3333-4444", "has an area code that Brazil does not have"),
        ("99999-9999", "has no area code; write it as (11) 99999-9999"),
        # Argentina and its neighbours have such numbers.
        ("3333-4444", "has no area code"),
        ("+5599999999", "does not exist; write it as (11) 99999-9999"),
        ("55119999900011", "does not exist"),
        ("+1 199 999 0001", "with + and its country code"),
        ("+999 12345678", "does not exist"),
        ("0351912345678", "does not exist"),
        ("(11) CALL-ME-NOW", "other characters than digits"),
        ("0119999", "8 to 15 digits"),
        ("0" * 1_000_000, "8 to 15 digits"),
        *(case for case in NO_NUMBERS if case[0] != "011999999999"),
    ],
)
def test_nobody_writes_to_a_number_that_does_not_exist(written: str, problem: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        canonical_number(written)

    assert caught.value.field == "number"
    assert problem in caught.value.problem


@pytest.mark.parametrize("ending", range(9901, 9907))
def test_the_simulators_numbers_exist(ending: int) -> None:
    assert canonical_number(f"551199000{ending}") == f"551199000{ending}"


def test_brazil_has_67_area_codes() -> None:
    """Those of the library: each with mobiles and landlines, and no other two digits with either."""
    pairs = ["".join(pair) for pair in product("123456789", "0123456789")]

    accepted = {pair for pair in pairs if _accepted(f"55{pair}999990001")}

    assert len(accepted) == 67
    assert accepted == {pair for pair in pairs if _exists(f"55{pair}999990001")}
    assert accepted == {pair for pair in pairs if _accepted(f"55{pair}22334444")}


@settings(max_examples=500)
@given(st.from_regex(r"(11|[1-9]{2}|[1-9][0-9])([2-9][0-9]{7}|9[0-9]{8}|[0-9]{6,10})", fullmatch=True))
def test_brazilian_numbers_are_those_of_the_library(national: str) -> None:
    """It decides which exist; only mobiles as they were before the ninth digit get it first."""
    assume(not re.fullmatch("[1-9]{2}[6-8][0-9]{8}", national))  # not given out yet, and taken all the same
    today = f"55{national[:2]}9{national[2:]}"
    is_older_mobile = re.fullmatch("[1-9]{2}[6-9][0-9]{7}", national) and _exists(today)

    assert _accepted(f"+55{national}") == (today if is_older_mobile else _known(f"+55{national}"))


@settings(max_examples=300)
@given(
    st.from_regex(r"(11|21|31|41|51|55|61|71|81|91|20|10)([2-5][0-9]{7}|9[0-9]{8})", fullmatch=True),
    st.sampled_from(
        ["{0}{1}", "({0}) {1}", "0{0}{1}", "(0{0}) {1}", "{0} {1}", "+55{0}{1}", "55 {0} {1}", "+55 0{0} {1}"]
    ),
)
def test_brazilian_local_forms_are_read_as_the_library_reads_them(national: str, form: str) -> None:
    written = form.format(national[:2], national[2:])
    known = _known(written)

    # Without any sign of where it belongs, what is no Brazilian number may be one of another country.
    assert _accepted(written) == known or (known is None and written[0] not in "+(0")


@given(st.text("0123456789+-() @:.cus", max_size=30))
def test_a_canonical_number_is_its_own_and_a_mobiles_is_its_contact_key(written: str) -> None:
    number = _accepted(written)

    if number is not None:
        assert re.fullmatch("[1-9][0-9]{7,14}", number)
        assert canonical_number(f"+{number}") == number
        if re.fullmatch("55[1-9]{2}9?[6-9][0-9]{7}", number):
            assert contact_key(number) == number


def _accepted(written: str) -> str | None:
    try:
        return canonical_number(written)
    except InvalidPayload:
        return None


def _exists(number: str) -> bool:
    return _known(f"+{number}") is not None


def _known(written: str) -> str | None:
    """The number as the library knows it, taken for Brazilian unless it says otherwise; None when it does not exist."""
    try:
        number = phonenumbers.parse(written, "BR")
    except phonenumbers.NumberParseException:
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written.removeprefix("+") if phonenumbers.is_valid_number(number) else None

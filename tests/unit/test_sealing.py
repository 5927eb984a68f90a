"""What was sealed opens with its key, at its place, and nowhere else."""

import base64

import pytest

from oxyq.errors import ConfigurationError
from oxyq.sealing import Sealer

OLD, NEW = "an-old-key-of-32-bytes-or-more-....", "a-new-key-of-32-bytes-or-more-....."
PLACE = "wa_1:access_token"


def refusal(sealer: Sealer, sealed: str, place: str = PLACE) -> str:
    """Why it does not open."""
    with pytest.raises(ConfigurationError) as caught:
        sealer.open(sealed, place)
    return str(caught.value)


@pytest.mark.parametrize("text", ["EAAG-token", "", "ação 🐶", "a" * 4096], ids=["token", "nothing", "emoji", "long"])
def test_what_was_sealed_opens(text: str) -> None:
    assert Sealer(OLD).open(Sealer(OLD).seal(text, PLACE), PLACE) == text


def test_the_same_text_never_looks_the_same() -> None:
    sealer = Sealer(OLD)

    assert len({sealer.seal("EAAG-token", PLACE) for _ in range(50)}) == 50
    assert "EAAG" not in sealer.seal("EAAG-token", PLACE)


def test_it_opens_at_its_place_only() -> None:
    """Whoever can write to Redis cannot put one number's secret under another's."""
    sealer = Sealer(OLD)

    assert "wa_2:access_token" in refusal(sealer, sealer.seal("EAAG-token", PLACE), "wa_2:access_token")


@pytest.mark.parametrize(
    "sealed",
    ["", "v1:", "EAAG-token", "v1:no base64!", "v1:c2hvcnQ=", "v2:" + "A" * 80, "v1:" + "A" * 80],
    ids=["nothing", "version only", "plain text", "no base64", "too short", "another version", "of nobody"],
)
def test_what_nobody_sealed_is_told_without_repeating_it(sealed: str) -> None:
    assert refusal(Sealer(OLD), sealed) == (
        "OXYQ_SECRETS_KEY: does not open what is stored for wa_1:access_token; put the key that sealed it behind a "
        "comma (new,old), or store it anew"
    )


def test_one_changed_bit_is_noticed() -> None:
    sealed = Sealer(OLD).seal("EAAG-token", PLACE)
    raw = bytearray(base64.b64decode(sealed.removeprefix("v1:")))
    for at in (0, 12, len(raw) - 1):
        changed = bytearray(raw)
        changed[at] ^= 1
        refusal(Sealer(OLD), "v1:" + base64.b64encode(changed).decode())


def test_a_key_is_changed_without_losing_anything() -> None:
    sealed = Sealer(OLD).seal("EAAG-token", PLACE)
    both = Sealer(f"{NEW},{OLD}")

    assert both.open(sealed, PLACE) == "EAAG-token"
    resealed = both.seal("EAAG-token", PLACE)
    assert Sealer(NEW).open(resealed, PLACE) == "EAAG-token"
    refusal(Sealer(NEW), sealed)
    refusal(Sealer(OLD), resealed)


def test_the_variable_that_is_wrong_is_named() -> None:
    assert refusal(Sealer(NEW, "OXYQ_BRIDGE_KEY"), Sealer(OLD).seal("x", PLACE)).startswith("OXYQ_BRIDGE_KEY: ")

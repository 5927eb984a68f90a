"""A receipt can be checked by whoever has the key, and by nobody be changed."""

import json

import pytest

from oxyq.errors import InvalidPayload
from oxyq.jobs import wire
from oxyq.privacy.receipt import Receipt, ReceiptSigner

SIGNER = ReceiptSigner(lambda: "a" * 40)
RECEIPT = Receipt(
    organization_id="org_1", person="hmac-sha256:00", at=1, by="dpo", is_complete=True, erased={"jobs": 2},
    opt_out="none", remains=[],
)  # fmt: skip


def stored(**changes: object) -> bytes:
    return json.dumps({**wire(SIGNER.sign(RECEIPT)), **changes}).encode()


def test_what_was_signed_is_genuine_also_after_the_key_was_changed() -> None:
    changed = ReceiptSigner(lambda: f"{'b' * 40}, {'a' * 40}")

    assert SIGNER.verify(stored()).erased == {"jobs": 2}
    assert changed.verify(stored()).person == RECEIPT.person


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (stored(isComplete=False), "was changed after it was signed"),
        (stored(erased={"jobs": 3}), "was changed"),
        (stored(note="and more"), "was changed"),
        (stored(signature="AAAA"), "was changed"),
        (stored(signature="?"), "is no receipt"),
        (b"{}", "is no receipt"),
        (b"\xff", "is no receipt"),
    ],
)
def test_what_was_changed_is_not(written: bytes, problem: str) -> None:
    with pytest.raises(InvalidPayload, match=problem):
        SIGNER.verify(written)


def test_of_another_installation_it_is_said_what_to_do() -> None:
    with pytest.raises(InvalidPayload, match="another key; put the OXYQ_SECRETS_KEY of then behind a comma"):
        ReceiptSigner(lambda: "c" * 40).verify(stored())

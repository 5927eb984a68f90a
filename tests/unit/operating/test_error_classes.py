"""What a last error means, by how its job was given up and by its words: those that our own code says, and Node's."""

import pytest

from oxyq.gateways.cloud_errors import reason as meta
from oxyq.operating.error_classes import CLASSES, known_error

KEY = "send-0d1b8c6f2ab74c7e9d2f5b6a1c3e4f50/0"
MISSED = f"{KEY}: Meta refused it, "


@pytest.mark.parametrize(
    ("kind", "reason", "error_class", "action"),
    [
        ("malformed", "malformed: its 'data' is not JSON: line 1", "unreadable", "edit"),
        ("by-hand", "the customer left", "by_hand", "look"),
        ("rejected", f"{MISSED}{meta(131047, 'Re-engagement message', 'give metaTemplate')}", "needs_template", "edit"),
        ("rejected", f"{MISSED}{meta(132001, 'Template does not exist', '')}", "wrong_template", "edit"),
        ("discarded", f"{KEY}: templates go out through the Cloud API only; send a text", "wrong_template", "edit"),
        ("discarded", f"{MISSED}{meta(131026, 'Message undeliverable', '')}", "suppressed", "purge"),
        ("discarded", f"{KEY}: the number is not on WhatsApp", "not_on_whatsapp", "purge"),
        ("discarded", f"{KEY}: the number must have 8 to 15 digits, country code included", "bad_number", "purge"),
        ("discarded", "organizationId: 'org_9' is unknown here; add it with: …", "unknown_organization", "fix"),
        ("discarded", "instanceId: 'wa_1' is not a number of this organization", "unknown_instance", "fix"),
        ("discarded", "instanceId: 'wa_1' is no instance that is known here; add it …", "unknown_instance", "fix"),
        ("discarded", "invalid: content: is missing; give the text to send", "invalid_data", "edit"),
        ("exhausted", f"{MISSED}{meta(190, 'Access token has expired', '')}", "access_refused", "fix"),
        ("exhausted", f"{KEY}: the answer was lost (ReadTimeout)", "unconfirmed", "wait"),
        ("exhausted", f"{KEY}: answered 502 without saying what became of it", "unconfirmed", "wait"),
        ("crashed", "crashed: job stalled more than allowable limit (3 times it died)", "crashed", "replay"),
        ("failed-elsewhere", "job stalled more than allowable limit", "crashed", "replay"),
        ("exhausted", "Redis did not answer for the contacts: TimeoutError", "redis_away", "replay"),
        ("exhausted", f"{MISSED}{meta(131056, 'Pair rate limit hit', '')}", "too_many", "replay"),
        ("exhausted", f"{KEY}: the connection was refused", "connection", "replay"),
        ("exhausted", f"{KEY}: no connection (ConnectError); nothing was sent", "connection", "replay"),
        ("failed-elsewhere", "connect ECONNREFUSED 127.0.0.1:3000", "connection", "replay"),
        ("exhausted", "Timeout: not finished within 60 s", "timeout", "replay"),
        ("exhausted", f"{MISSED}{meta(131000, 'Something went wrong', '')}", "other_side", "replay"),
        ("failed-elsewhere", "Request failed with status code 502 Bad Gateway", "other_side", "replay"),
        ("exhausted", "the gateway is away", "other_side", "replay"),
        ("discarded", f"{MISSED}{meta(135000, 'Generic user error', '')}", "refused", "look"),
        ("discarded", f"{KEY}: WhatsApp took it and refused it a moment later", "refused", "look"),
        ("exhausted", "'NoneType' object has no attribute 'x'", "other", "look"),
        ("unknown", "", "other", "look"),
    ],
)  # fmt: skip
def test_the_table_says_what_is_best_done(kind: str, reason: str, error_class: str, action: str) -> None:
    known = known_error(kind, reason)

    assert (known.error_class.name, known.error_class.action) == (error_class, action)


def test_every_class_has_a_name_of_its_own_and_advice() -> None:
    assert len({one.name for one in CLASSES}) == len(CLASSES)
    assert all(one.advice for one in CLASSES)

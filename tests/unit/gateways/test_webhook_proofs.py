"""Webhooks are taken from who can sign them, and from nobody else."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping

import httpx
import jwt
import pytest

from oxyq.gateways.baileys import BaileysGateway
from oxyq.gateways.base import BadSignature
from oxyq.gateways.cloud_api import CloudGateway
from oxyq.gateways.evolution import EvolutionGateway
from oxyq.gateways.waha import WahaGateway

SECRET = "app-secret-🔑"
TOKEN = "webhook-token-of-32-characters-or-more"
BRIDGE_KEY = "bridge-key-of-32-characters-or-more"
BODY = json.dumps({"entry": [], "olá": "ção 😀"}, ensure_ascii=False).encode()


def cloud(app_secret: str = SECRET, verify_token: str = TOKEN) -> CloudGateway:
    return CloudGateway(
        "1", access_token="t", app_secret=app_secret, verify_token=verify_token,
        api_url="http://127.0.0.1:9", api_version="v26.0", client=httpx.AsyncClient(),
    )  # fmt: skip


def evolution(token: str = TOKEN) -> EvolutionGateway:
    return EvolutionGateway("http://127.0.0.1:9", "loja", api_key="k", webhook_token=token, client=httpx.AsyncClient())


def waha(secret: str = SECRET) -> WahaGateway:
    return WahaGateway("http://127.0.0.1:9", "loja", api_key="k", webhook_secret=secret, client=httpx.AsyncClient())


async def no_bridge(instance_id: str) -> str | None:
    return None


def hex_of(key: str, body: bytes) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def bridge_webhook_key() -> str:
    return hex_of(BRIDGE_KEY, b"oxyq bridge webhook")


#: For both gateways that sign bodies: how to verify, the header's name, and the key.
SIGNED = [
    (lambda: cloud().verify_webhook, "x-hub-signature-256", SECRET),
    (
        lambda: BaileysGateway(no_bridge, key=BRIDGE_KEY, client=httpx.AsyncClient()).verify_webhook,
        "x-oxyq-signature",
        bridge_webhook_key(),
    ),
]
Verify = Callable[[Mapping[str, str], bytes], None]


@pytest.mark.parametrize(("verifier", "header", "key"), SIGNED, ids=["cloud", "baileys"])
def test_what_was_signed_over_the_raw_bytes_is_taken(verifier: Callable[[], Verify], header: str, key: str) -> None:
    verifier()({header: f"sha256={hex_of(key, BODY)}", "host": "x"}, BODY)


@pytest.mark.parametrize(("verifier", "header", "key"), SIGNED, ids=["cloud", "baileys"])
@pytest.mark.parametrize(
    "forge",
    [
        lambda right: None,
        lambda right: "",
        lambda right: right.removeprefix("sha256="),
        lambda right: right.replace("sha256=", "sha1="),
        lambda right: right.replace("sha256=", "SHA256="),
        lambda right: f"sha256={right.removeprefix('sha256=').upper()}",
        lambda right: right[:-1],
        lambda right: right + "0",
        lambda right: right + "\n",
        lambda right: f" {right}",
        lambda right: f"{right}, {right}",
        lambda right: f"sha256={'0' * 64}",
        lambda right: f"sha256={'é' * 64}",
        lambda right: f"sha256={hex_of('other secret', BODY)}",
        lambda right: f"sha256={hex_of('', BODY)}",
    ],
)
def test_every_other_signature_is_refused(
    verifier: Callable[[], Verify], header: str, key: str, forge: Callable[[str], str | None]
) -> None:
    given = forge(f"sha256={hex_of(key, BODY)}")
    headers = {} if given is None else {header: given}

    with pytest.raises(BadSignature) as refused:
        verifier()(headers, BODY)
    assert key not in str(refused.value) and hex_of(key, BODY) not in str(refused.value)


@pytest.mark.parametrize(("verifier", "header", "key"), SIGNED, ids=["cloud", "baileys"])
def test_a_signature_is_of_the_bytes_and_not_of_what_they_mean(
    verifier: Callable[[], Verify], header: str, key: str
) -> None:
    headers = {header: f"sha256={hex_of(key, BODY)}"}

    for altered in (BODY + b" ", BODY[:-1], json.dumps(json.loads(BODY)).encode(), b""):
        with pytest.raises(BadSignature):
            verifier()(headers, altered)


def test_without_a_secret_nothing_is_right() -> None:
    with pytest.raises(BadSignature):
        cloud(app_secret="").verify_webhook({"x-hub-signature-256": f"sha256={hex_of('', BODY)}"}, BODY)
    with pytest.raises(BadSignature):
        evolution(token="").verify_webhook({"x-oxyq-token": ""}, BODY)
    with pytest.raises(BadSignature):
        waha(secret="").verify_webhook(signed_by_waha(key=""), BODY)


# --- WAHA: the hex HMAC-SHA512 alone, and its name in a header beside it -----------------------------------


def signed_by_waha(key: str = SECRET) -> dict[str, str]:
    right = hmac.new(key.encode(), BODY, hashlib.sha512).hexdigest()
    return {"x-webhook-hmac": right, "x-webhook-hmac-algorithm": "sha512"}


def test_what_waha_signed_over_the_raw_bytes_is_taken() -> None:
    waha().verify_webhook(signed_by_waha(), BODY)


@pytest.mark.parametrize(
    "forge",
    [
        lambda right: "",
        lambda right: right.upper(),
        lambda right: right[:-1],
        lambda right: right + "0",
        lambda right: right + "\n",
        lambda right: f" {right}",
        lambda right: f"{right}, {right}",
        lambda right: f"{right},{right}",
        lambda right: f"sha512={right}",
        lambda right: "0" * 128,
        lambda right: "é" * 128,
        lambda right: hex_of(SECRET, BODY),
        lambda right: hmac.new(b"other secret", BODY, hashlib.sha512).hexdigest(),
    ],
)
def test_every_other_signature_of_wahas_is_refused(forge: Callable[[str], str]) -> None:
    right = signed_by_waha()

    with pytest.raises(BadSignature) as refused:
        waha().verify_webhook(right | {"x-webhook-hmac": forge(right["x-webhook-hmac"])}, BODY)
    assert SECRET not in str(refused.value) and right["x-webhook-hmac"] not in str(refused.value)


def test_wahas_algorithm_is_named_and_no_other() -> None:
    for algorithm in ("", "sha256", "SHA512", "sha512, sha512"):
        with pytest.raises(BadSignature):
            waha().verify_webhook(signed_by_waha() | {"x-webhook-hmac-algorithm": algorithm}, BODY)
    with pytest.raises(BadSignature):
        waha().verify_webhook({"x-webhook-hmac": signed_by_waha()["x-webhook-hmac"]}, BODY)


def test_wahas_signature_is_of_the_bytes_and_not_of_what_they_mean() -> None:
    for altered in (BODY + b" ", BODY[:-1], json.dumps(json.loads(BODY)).encode(), b""):
        with pytest.raises(BadSignature):
            waha().verify_webhook(signed_by_waha(), altered)


# --- Meta's question whether this address is ours ----------------------------------------------------------


QUESTION = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}


def test_the_right_question_gets_its_challenge_back_as_it_is() -> None:
    assert cloud().challenge(QUESTION) == "1158201444"
    assert cloud().challenge(QUESTION | {"hub.challenge": "<script>"}) == "<script>"  # plain text, says who answers


@pytest.mark.parametrize(
    "wrong",
    [
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "é" * 10},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": ""},
        {"hub.challenge": ""},
        {"hub.challenge": "1" * 257},
    ],
)
def test_every_other_question_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        cloud().challenge(QUESTION | wrong)


def test_without_a_token_or_a_question_there_is_no_answer() -> None:
    with pytest.raises(BadSignature):
        cloud(verify_token="").challenge(QUESTION | {"hub.verify_token": ""})
    with pytest.raises(BadSignature):
        cloud().challenge({})


# --- Evolution: a header of our own, or a JWT --------------------------------------------------------------


def bearer(
    key: str = TOKEN, algorithm: str = "HS256", headers: dict[str, object] | None = None, **claims: object
) -> str:
    known = {"app": "evolution", "action": "webhook", "exp": int(time.time()) + 600} | claims
    kept = {name: value for name, value in known.items() if value is not None}
    return f"Bearer {jwt.encode(kept, key, algorithm=algorithm, headers=headers)}"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-oxyq-token": TOKEN},
        {"authorization": bearer()},
        # Evolution makes a token once and repeats a webhook with it for half an hour.
        {"authorization": bearer(exp=int(time.time()) - 1800)},
        {"authorization": "Bearer nonsense", "x-oxyq-token": TOKEN},
    ],
)
def test_who_knows_the_token_is_heard(headers: dict[str, str]) -> None:
    evolution().verify_webhook(headers, BODY)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-oxyq-token": ""},
        {"x-oxyq-token": TOKEN.upper()},
        {"x-oxyq-token": f"{TOKEN}, {TOKEN}"},
        {"x-oxyq-token": TOKEN[:-1]},
        {"x-oxyq-token": f"{TOKEN}é"},
        {"apikey": TOKEN},
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": bearer(key="another key of thirty-two characters")},
        {"authorization": bearer(app="waha")},
        {"authorization": bearer(action="login")},
        {"authorization": bearer(exp=None)},
        {"authorization": bearer(exp=int(time.time()) - 7200)},
        {"authorization": bearer(algorithm="HS512", key=TOKEN * 2)},
        {"authorization": f"Bearer {jwt.encode({'app': 'evolution', 'action': 'webhook', 'exp': 9e9}, '', 'none')}"},
        {"authorization": bearer().replace("Bearer", "bearer")},
        {"authorization": bearer() + "x"},
        {"authorization": bearer()[:-10]},
    ],
)
def test_nobody_else_is(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature) as refused:
        evolution().verify_webhook(headers, BODY)
    assert TOKEN not in str(refused.value)


def test_a_short_token_signs_nothing_for_it_could_be_guessed_from_what_it_signed() -> None:
    header = jwt.utils.base64url_encode(b'{"alg":"HS256"}')
    claims = jwt.utils.base64url_encode(b'{"app":"evolution","action":"webhook","exp":4000000000}')
    signature = jwt.utils.base64url_encode(hmac.new(b"short", header + b"." + claims, hashlib.sha256).digest())
    token = b".".join((header, claims, signature)).decode()

    with pytest.raises(BadSignature):
        evolution(token="short").verify_webhook({"authorization": f"Bearer {token}"}, BODY)
    evolution(token="short").verify_webhook({"x-oxyq-token": "short"}, BODY)

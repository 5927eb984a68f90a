"""Which tokens are taken is decided by the key that is configured, and never by a token."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from oxyq.access.tokens import BadToken, Principal, Verifier, issue
from oxyq.errors import ConfigurationError
from oxyq.settings import Settings, load_settings
from tests.unit.access.forge import SECRET, forge, good_claims, part

PrivateKey = Ed25519PrivateKey | RSAPrivateKey
BEFORE = "the-secret-before-of-forty-characters..."
ED25519 = Ed25519PrivateKey.generate()
RSA = generate_private_key(65537, 2048)
ALGORITHMS: dict[str, PrivateKey] = {"EdDSA": ED25519, "RS256": RSA}


def public(key: PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().strip()


def with_key(pem: str, folder: Path, **more: str) -> Settings:
    return load_settings({"OXYQ_JWT_PUBLIC_KEY": pem, "OXYQ_JWT_SECRET": SECRET, "OXYQ_DATA_DIR": str(folder), **more})


@pytest.mark.parametrize(("algorithm", "key"), ALGORITHMS.items(), ids=ALGORITHMS.keys())
def test_with_a_public_key_its_owner_lets_people_in(algorithm: str, key: PrivateKey, tmp_path: Path) -> None:
    verifier = Verifier.of(with_key(public(key), tmp_path))

    principal = verifier.verify(jwt.encode(good_claims(role="owner", jti="t1"), key, algorithm))

    assert principal == Principal("tests", "owner")
    assert principal.token_id == "t1"


def test_the_key_may_be_a_file_or_a_text_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(public(ED25519))
    token = jwt.encode(good_claims(), ED25519, "EdDSA")

    for written in (str(tmp_path / "key.pem"), public(ED25519).replace("\n", "\\n")):
        assert Verifier.of(with_key(written, tmp_path)).verify(token).sub == "tests"


def spoiled(key: PrivateKey, algorithm: str) -> dict[str, Callable[[], str]]:
    """Tokens that must not be taken where this key is configured."""
    pem = public(key)
    good = jwt.encode(good_claims(), key, algorithm)
    header, claims, signature = good.split(".")

    def under(name: str) -> str:
        return f"{part(json.dumps({'alg': name, 'typ': 'JWT'}).encode())}.{claims}.{signature}"

    others: dict[str, Callable[[], str]] = {
        "HS256 with our secret": lambda: forge(),
        "HS256 with the public key as its secret": lambda: forge(secret=pem),
        "HS256 with the public key and its last line break": lambda: forge(secret=f"{pem}\n"),
        "HS256 with the key's bytes": lambda: forge(secret="".join(pem.splitlines()[1:-1])),
        "said to be HS256": lambda: under("HS256"),
        "said to be none": lambda: under("none"),
        "said to be PS256": lambda: under("PS256"),
        "said to be ES256": lambda: under("ES256"),
        "no signature": lambda: f"{header}.{claims}.",
        "a signature of zeros": lambda: (
            f"{header}.{claims}.{part(bytes(len(base64.urlsafe_b64decode(signature + '=='))))}"
        ),
        "other claims": lambda: f"{header}.{part(json.dumps(good_claims(role='owner')).encode())}.{signature}",
        "another key of the kind": lambda: jwt.encode(good_claims(), _another(key), algorithm),
        "a key of the other kind": lambda: jwt.encode(
            good_claims(), *((RSA, "RS256") if algorithm == "EdDSA" else (ED25519, "EdDSA"))
        ),
        "a key in the header": lambda: jwt.encode(
            good_claims(), _another(key), algorithm, headers={"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}}
        ),
        "too late": lambda: jwt.encode(good_claims(exp=1), key, algorithm),
        "for others": lambda: jwt.encode(good_claims(aud="other"), key, algorithm),
        "role in capitals": lambda: jwt.encode(good_claims(role="OWNER"), key, algorithm),
    }
    if isinstance(key, RSAPrivateKey):
        others["RS512"] = lambda: jwt.encode(good_claims(), key, "RS512")
        others["PS256, rightly signed"] = lambda: jwt.encode(good_claims(), key, "PS256")
    return others


def _another(key: PrivateKey) -> PrivateKey:
    return Ed25519PrivateKey.generate() if isinstance(key, Ed25519PrivateKey) else generate_private_key(65537, 2048)


ROWS = [
    pytest.param(algorithm, key, make, id=f"{algorithm}: {name}")
    for algorithm, key in ALGORITHMS.items()
    for name, make in spoiled(key, algorithm).items()
]


@pytest.mark.parametrize(("algorithm", "key", "make"), ROWS)
def test_with_a_public_key_nothing_else_is_taken(
    algorithm: str, key: PrivateKey, make: Callable[[], str], tmp_path: Path
) -> None:
    with pytest.raises(BadToken):
        Verifier.of(with_key(public(key), tmp_path)).verify(make())


@pytest.mark.parametrize(("algorithm", "key"), ALGORITHMS.items(), ids=ALGORITHMS.keys())
def test_without_a_public_key_no_other_algorithm_than_ours_is_taken(
    algorithm: str, key: PrivateKey, settings: Settings
) -> None:
    with pytest.raises(BadToken):
        Verifier.of(settings).verify(jwt.encode(good_claims(), key, algorithm))


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        (lambda: public(generate_private_key(65537, 1024)), "has 1024 bits"),  # noqa: S505 - what must be refused
        (lambda: public(ec.generate_private_key(ec.SECP256R1())), "another kind"),
        (lambda: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "no key that can be read"),
        (lambda: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "BEGIN PUBLIC KEY"),
        (
            lambda: ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip(),
            "is a private key",
        ),
        (lambda: "/nowhere/key.pem", "path of a PEM file"),
    ],
)
def test_a_key_that_is_not_safe_stops_the_start(pem: Callable[[], str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        Verifier.of(with_key(pem(), tmp_path))

    assert "OXYQ_JWT_PUBLIC_KEY" in str(refused.value)
    assert "AAAA" not in str(refused.value)


def test_with_a_public_key_we_issue_nothing_and_say_who_does(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="oxyq token link"):
        issue(with_key(public(ED25519), tmp_path), "ana", "owner")


# --- changing the secret ------------------------------------------------------------------------------------------


def test_what_the_secret_before_signed_is_still_good(tmp_path: Path) -> None:
    before = load_settings({"OXYQ_JWT_SECRET": BEFORE, "OXYQ_DATA_DIR": str(tmp_path)})
    changed = load_settings(
        {"OXYQ_JWT_SECRET": SECRET, "OXYQ_JWT_SECRET_PREVIOUS": BEFORE, "OXYQ_DATA_DIR": str(tmp_path)}
    )
    done = load_settings({"OXYQ_JWT_SECRET": SECRET, "OXYQ_DATA_DIR": str(tmp_path)})
    old, new = issue(before, "ana", "owner"), issue(changed, "ana", "owner")

    assert Verifier.of(changed).verify(old) == Verifier.of(changed).verify(new)
    with pytest.raises(BadToken):
        Verifier.of(done).verify(old)
    assert Verifier.of(done).verify(new).sub == "ana"


def test_a_short_secret_before_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OXYQ_JWT_SECRET_PREVIOUS"):
        load_settings({"OXYQ_JWT_SECRET": SECRET, "OXYQ_JWT_SECRET_PREVIOUS": "short", "OXYQ_DATA_DIR": str(tmp_path)})

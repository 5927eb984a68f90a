"""A token is exactly right, or it is nothing: every wrong one ends in the same refusal."""

import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxyq.access.tokens import ROLES, BadToken, Principal, Verifier, issue, signing_secret
from oxyq.errors import ConfigurationError, InvalidPayload
from oxyq.settings import Settings, load_settings
from tests.unit.access.forge import HEADER, SECRET, forge, good_claims, part

PUBLIC_KEY = (
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"
)


def now() -> int:
    return int(time.time())


@pytest.fixture
def verifier() -> Verifier:
    return Verifier("HS256", [SECRET])


# --- good ones ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("org", [None, "org_123"])
def test_what_we_issue_is_taken(settings: Settings, verifier: Verifier, role: str, org: str | None) -> None:
    assert verifier.verify(issue(settings, "ana", role, org)) == Principal("ana", role, org)  # type: ignore[arg-type]


def test_what_others_issue_by_the_same_rules_is_taken(verifier: Verifier) -> None:
    assert verifier.verify(forge(header={"alg": "HS256"})) == Principal("tests", "service")
    assert verifier.verify(forge(header={**HEADER, "kid": "2026-11"})) == Principal("tests", "service")
    assert verifier.verify(forge(good_claims(iat=..., jti="x", iss="shop"))) == Principal("tests", "service")


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "https://evil.example/keys", "file:///etc/passwd"])
def test_a_kid_leads_nowhere(verifier: Verifier, kid: str) -> None:
    assert verifier.verify(forge(header={**HEADER, "kid": kid})) == Principal("tests", "service")
    with pytest.raises(BadToken):
        verifier.verify(forge(header={**HEADER, "kid": kid}, secret=""))


def test_what_we_issue_says_which_it_is_and_from_when_to_when(settings: Settings, verifier: Verifier) -> None:
    first, second = (verifier.verify(issue(settings, "ana", "owner", expires_seconds=60)) for _ in range(2))

    assert first.token_id is not None
    assert first.token_id != second.token_id
    assert first.issued_s is not None
    assert first.ends_s == first.issued_s + 60


def test_clocks_may_differ_by_30_seconds(verifier: Verifier) -> None:
    for claims in (good_claims(exp=now() - 25), good_claims(nbf=now() + 25), good_claims(iat=now() + 25)):
        assert verifier.verify(forge(claims)).sub == "tests"


def test_who_may_see_what() -> None:
    assert Principal("ana", "viewer").may_see("org_1")
    assert Principal("ana", "viewer", "org_1").may_see("org_1")
    for other in ("org_2", "ORG_1", "org_1 ", None, 5):
        assert not Principal("ana", "viewer", "org_1").may_see(other)


# --- bad ones -----------------------------------------------------------------------------------------------

CLAIMS: dict[str, Callable[[], object]] = {
    "exp missing": lambda: good_claims(exp=...),
    "exp past": lambda: good_claims(exp=now() - 3600),
    "exp past by more than the leeway": lambda: good_claims(exp=now() - 35),
    "exp text": lambda: good_claims(exp=str(now() + 3600)),
    "exp float": lambda: good_claims(exp=now() + 3600.5),
    "exp 1e308": lambda: good_claims(exp=1e308),
    "exp Infinity": lambda: good_claims(exp=float("inf")),
    "exp NaN": lambda: good_claims(exp=float("nan")),
    "exp endless": lambda: good_claims(exp=10**30),
    "exp of 4000 digits": lambda: good_claims(exp=10**4000),
    "exp negative": lambda: good_claims(exp=-1),
    "exp true": lambda: good_claims(exp=True),
    "exp null": lambda: good_claims(exp=None),
    "exp list": lambda: good_claims(exp=[now() + 3600]),
    "nbf future": lambda: good_claims(nbf=now() + 3600),
    "nbf text": lambda: good_claims(nbf="0"),
    "nbf null": lambda: good_claims(nbf=None),
    "iat future": lambda: good_claims(iat=now() + 3600),
    "iat true": lambda: good_claims(iat=True),
    "iat float": lambda: good_claims(iat=now() - 0.5),
    "aud missing": lambda: good_claims(aud=...),
    "aud null": lambda: good_claims(aud=None),
    "aud other": lambda: good_claims(aud="other"),
    "aud a prefix of ours": lambda: good_claims(aud="oxy"),
    "aud longer than ours": lambda: good_claims(aud="oxyq2"),
    "aud in capitals": lambda: good_claims(aud="OXYQ"),
    "aud in a list": lambda: good_claims(aud=["oxyq"]),
    "aud one of many": lambda: good_claims(aud=["other", "oxyq"]),
    "aud number": lambda: good_claims(aud=1),
    "sub missing": lambda: good_claims(sub=...),
    "sub null": lambda: good_claims(sub=None),
    "sub number": lambda: good_claims(sub=1),
    "sub empty": lambda: good_claims(sub=""),
    "sub blank": lambda: good_claims(sub=" "),
    "sub forging a log line": lambda: good_claims(sub="ana\nroot"),
    "sub of 1000 characters": lambda: good_claims(sub="a" * 1000),
    "role missing": lambda: good_claims(role=...),
    "role unknown": lambda: good_claims(role="admin"),
    "role with a space": lambda: good_claims(role="owner "),
    "role in capitals": lambda: good_claims(role="OWNER"),
    "role in a list": lambda: good_claims(role=["owner"]),
    "role in an object": lambda: good_claims(role={"owner": True}),
    "role empty": lambda: good_claims(role=""),
    "role null": lambda: good_claims(role=None),
    "org null": lambda: good_claims(org=None),
    "org empty": lambda: good_claims(org=""),
    "org list": lambda: good_claims(org=["org_1"]),
    "org number": lambda: good_claims(org=1),
    "org true": lambda: good_claims(org=True),
    "jti number": lambda: good_claims(jti=1),
    "claims a list": lambda: [],
    "claims a text": lambda: "claims",
    "claims a number": lambda: 5,
}

HEADERS: dict[str, object] = {
    **{f"alg {alg!r}": {"alg": alg, "typ": "JWT"} for alg in ("none", "None", "nOnE", "NONE", "", "hs256", "HS256 ")},
    **{f"alg {alg}": {"alg": alg} for alg in ("HS384", "HS512", "RS256", "ES256", "EdDSA", "PS256")},
    "alg missing": {"typ": "JWT"},
    "alg null": {"alg": None},
    "alg list": {"alg": ["HS256"]},
    "alg object": {"alg": {"HS256": 1}},
    "crit unknown": {**HEADER, "crit": ["exp"]},
    "crit empty": {**HEADER, "crit": []},
    "crit b64": {**HEADER, "crit": ["b64"], "b64": False},
    "b64 false": {**HEADER, "b64": False},
    "kid number": {**HEADER, "kid": 1},
    "jku": {**HEADER, "jku": "https://evil.example/keys"},
    "x5u": {**HEADER, "x5u": "https://evil.example/cert"},
    "x5c": {**HEADER, "x5c": ["MIIB"]},
    "jwk": {**HEADER, "jwk": {"kty": "oct", "k": part(SECRET.encode())}},
    "zip": {**HEADER, "zip": "DEF"},
    "header a list": [],
    "header a text": "HS256",
}

DIGESTS = {"HS384": "sha384", "HS512": "sha512"}


def spoiled() -> dict[str, str]:
    """Tokens whose writing or signature is wrong."""
    good = forge()
    header, claims, signature = good.split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    return {
        "nothing": "",
        "one part": header,
        "two parts": f"{header}.{claims}",
        "no signature": f"{header}.{claims}.",
        "no header": f".{claims}.{signature}",
        "only points": "..",
        "four parts": f"{good}.x",
        "five parts, as JWE has": f"{good}.x.y",
        "a point more": f"{good}.",
        "padding": f"{header}.{claims}.{signature}=",
        "padding in the middle": f"{header}=.{claims}.{signature}",
        "junk after the signature": f"{good}!!",
        "space inside": f"{header}. {claims}.{signature}",
        "line break": f"{good}\n",
        "NUL": f"{good}\0",
        "not ASCII": f"{good}é",
        "fullwidth digits": f"{good}\uff11",
        "base64 with + and /": f"{header}.{claims}.{'+/' * 21}A",
        "signature flipped": f"{header}.{claims}.{flipped}",
        "signature shortened": f"{header}.{claims}.{signature[:-2]}",
        "signature of other claims": f"{header}.{part(json.dumps(good_claims(role='owner')).encode())}.{signature}",
        "another secret": forge(secret="another-secret-of-forty-characters......"),
        "an empty secret": forge(secret=""),
        "a public key as the secret": forge(secret=PUBLIC_KEY),
        "a megabyte": forge(good_claims(pad="x" * 1_000_000)),
        "claims no JSON": forge(raw=b"not json"),
        "claims no UTF-8": forge(raw=b"\xff\xfe"),
        "claims nested 100,000 deep": forge(raw=b"[" * 2000),
        "none without a signature": f"{part(json.dumps({'alg': 'none'}).encode())}.{claims}.",
    }


BAD: dict[str, Callable[[], str]] = {
    **{name: (lambda make=make: forge(make())) for name, make in CLAIMS.items()},  # type: ignore[misc]
    **{
        name: (lambda header=header: forge(header=header, digest=_digest(header)))  # type: ignore[misc]
        for name, header in HEADERS.items()
    },
    **{name: (lambda token=token: token) for name, token in spoiled().items()},  # type: ignore[misc]
}


def _digest(header: object) -> str:
    return DIGESTS.get(str(header.get("alg")), "sha256") if isinstance(header, dict) else "sha256"


def test_the_table_spoils_good_tokens(verifier: Verifier) -> None:
    """Otherwise every row would be refused for the wrong reason."""
    assert verifier.verify(forge()) == verifier.verify(forge(good_claims())) == Principal("tests", "service")


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_a_bad_token_is_refused(verifier: Verifier, make: Callable[[], str]) -> None:
    with pytest.raises(BadToken) as refused:
        verifier.verify(make())

    assert not refused.value.args
    assert refused.value.__cause__ is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    header=st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk"]), JSON | st.just("HS256")),
    claims=st.dictionaries(st.sampled_from(["sub", "role", "aud", "exp", "nbf", "iat", "org", "jti"]), JSON),
)
def test_even_the_right_secret_signs_nothing_but_good_claims(
    header: dict[str, object], claims: dict[str, object]
) -> None:
    for contents in (claims, {**good_claims(), **claims}):
        try:
            principal = Verifier("HS256", [SECRET]).verify(forge(contents, {**HEADER, **header}))
        except BadToken:
            continue
        assert principal.role in ROLES
        assert isinstance(principal.sub, str)
        assert principal.org is None or isinstance(principal.org, str)
        assert ("org" in contents) == (principal.org is not None)


@given(st.text(max_size=50) | st.from_regex(r"[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9_-]{0,20}"))
def test_no_text_whatever_does_worse_than_be_refused(text: str) -> None:
    with pytest.raises(BadToken):
        Verifier("HS256", [SECRET]).verify(text)


# --- issuing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("role", {"role": "admin"}),
        ("role", {"role": "OWNER"}),
        ("sub", {"sub": ""}),
        ("sub", {"sub": "a\nb"}),
        ("sub", {"sub": "a" * 129}),
        ("org", {"org": ""}),
        ("org", {"org": " "}),
        ("expires_seconds", {"expires_seconds": 0}),
        ("expires_seconds", {"expires_seconds": -5}),
        ("expires_seconds", {"expires_seconds": 10**12}),
    ],
)
def test_a_token_that_would_be_refused_is_not_issued(
    settings: Settings, field: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(InvalidPayload) as refused:
        issue(settings, **{"sub": "ana", "role": "viewer", **arguments})  # type: ignore[arg-type]

    assert refused.value.field == field


def test_a_token_ends_when_it_was_said_to(
    settings: Settings, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    hundred_seconds_ago = time.time() - 100
    monkeypatch.setattr("oxyq.access.tokens.time.time", lambda: hundred_seconds_ago)

    over, valid = (issue(settings, "ana", "viewer", expires_seconds=seconds) for seconds in (60, 200))

    with pytest.raises(BadToken):
        verifier.verify(over)
    assert verifier.verify(valid).sub == "ana"


# --- the secret ---------------------------------------------------------------------------------------------


def development(folder: Path) -> Settings:
    return load_settings({"OXYQ_DATA_DIR": str(folder)})


def test_in_development_two_processes_share_a_secret_that_only_this_user_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"

    first, second = signing_secret(development(folder)), signing_secret(development(folder))

    assert first == second
    assert len(first) >= 32
    assert stat.S_IMODE((folder / "jwt-secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.listdir(folder) == ["jwt-secret"]


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    assert signing_secret(development(tmp_path / "a")) != signing_secret(development(tmp_path / "b"))


def test_of_two_that_start_together_the_first_secret_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given another process makes the file between our look and our link, when we go on, then we use its secret."""
    link = os.link

    def other_was_faster(source: Path, target: Path) -> None:
        Path(target).write_text("x" * 40)
        Path(target).chmod(0o600)
        link(source, target)

    monkeypatch.setattr(os, "link", other_was_faster)

    assert signing_secret(development(tmp_path)) == "x" * 40
    assert os.listdir(tmp_path) == ["jwt-secret"]


def test_the_configured_secret_goes_before_the_file(settings: Settings) -> None:
    assert signing_secret(settings) == SECRET
    assert not (settings.data_dir / "jwt-secret").exists()


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (b"x" * 40, 0o644, "chmod 600"),
        (b"x" * 40, 0o660, "chmod 600"),
        (b"", 0o600, "fewer than 32 bytes"),
        (b"short", 0o600, "fewer than 32 bytes"),
        (b"\xff" * 40, 0o600, "cannot be used"),
    ],
)
def test_a_secret_file_that_is_not_safe_is_refused_with_the_fix(
    tmp_path: Path, content: bytes, mode: int, problem: str
) -> None:
    file = tmp_path / "jwt-secret"
    file.write_bytes(content)
    file.chmod(mode)

    with pytest.raises(ConfigurationError, match=problem) as refused:
        signing_secret(development(tmp_path))

    assert "OXYQ_JWT_SECRET" in str(refused.value)
    assert "xxxx" not in str(refused.value)


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x" * 40)
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / "jwt-secret").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError, match="cannot be used"):
        signing_secret(development(tmp_path))


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="OXYQ_JWT_SECRET"):
        signing_secret(development(tmp_path / "file" / "data"))

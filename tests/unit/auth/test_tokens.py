"""Forged, stale and misdirected tokens: each is refused, and none is told why."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from journeyman.auth.key_set import KeySet, keys_of
from journeyman.auth.tokens import Policy, SharedSecret, TokenVerifier, sign
from journeyman.clock import ManualClock
from journeyman.errors import ServiceUnavailableError

SECRET = "s" * 32
NOW = 1_700_000_000
POLICY = Policy(algorithm="HS256", audience="journeyman", issuer="https://idp.example")
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def claims(**changes: Any) -> dict[str, Any]:
    whole = {
        "sub": "ann",
        "aud": POLICY.audience,
        "iss": POLICY.issuer,
        "iat": NOW,
        "exp": NOW + 60,
        "scope": "run read",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def segment(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Any, payload: Any, secret: bytes = SECRET.encode()) -> str:
    """Signed by the right secret, whatever it says."""
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{segment(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


HEADER = {"alg": "HS256", "typ": "JWT"}


def good(header: dict[str, Any] | None = None, **changes: Any) -> str:
    return forged({**HEADER, **(header or {})}, claims(**changes))


@pytest.fixture
def tokens() -> TokenVerifier:
    return TokenVerifier(POLICY, SharedSecret(SECRET), ManualClock(NOW * 1_000_000))


async def test_a_good_token_opens(tokens: TokenVerifier) -> None:
    caller = await tokens.verify(good())
    assert caller is not None
    assert (caller.principal, caller.scopes, caller.key_id) == ("ann", {"run", "read"}, None)
    assert caller.expires_at == (NOW + 70) * 1_000_000


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({"scope": None, "scopes": ["tools", "openid"]}, {"tools"}),
        ({"scope": "openid  profile admin"}, {"admin"}),
        ({"scope": None}, set()),
        ({"aud": ["other", "journeyman"]}, {"run", "read"}),
        ({"exp": NOW + 60.5}, {"run", "read"}),
        ({"nbf": NOW + 9}, {"run", "read"}),
        ({"exp": NOW - 9}, {"run", "read"}),
    ],
)
async def test_other_good_tokens(tokens: TokenVerifier, changes: dict[str, Any], scopes: set[str]) -> None:
    caller = await tokens.verify(good(**changes))
    assert caller is not None
    assert caller.scopes == scopes


async def test_made_here_and_believed_here(tokens: TokenVerifier) -> None:
    caller = await tokens.verify(sign(POLICY, SECRET, "bob", ["run"], NOW * 1_000_000, 900))
    assert caller is not None
    assert (caller.principal, caller.scopes) == ("bob", {"run"})


def test_a_subject_cannot_be_somebody_elses_delegate() -> None:
    from journeyman.auth.tokens import principal_of

    assert principal_of("key/ann") == "key%2Fann"
    assert principal_of("key%2Fann") != principal_of("key/ann")


unsigned = f"{segment({'alg': 'none'})}.{segment(claims())}."
signed_by_public = forged({"alg": "HS256", "typ": "JWT"}, claims(), PUBLIC_PEM)
by_rsa = jwt.encode(claims(), RSA, algorithm="RS256")

ATTACKS = {
    "none": unsigned,
    "none with the old signature": f"{segment({'alg': 'none'})}.{good().split('.', 1)[1]}",
    "None": forged({"alg": "None"}, claims()),
    "no alg": forged({"typ": "JWT"}, claims()),
    "alg is a list": forged({"alg": ["HS256"]}, claims()),
    "another strength": jwt.encode(claims(), "s" * 64, algorithm="HS512"),
    "another algorithm": by_rsa,
    "the public key as a secret": signed_by_public,
    "another secret": forged(HEADER, claims(), b"t" * 32),
    "empty secret": forged(HEADER, claims(), b""),
    "signature cut": good()[:-2],
    "signature of another": f"{good().rsplit('.', 1)[0]}.{good(sub='bob').rsplit('.', 1)[1]}",
    "payload exchanged": ".".join(
        [good().split(".")[0], segment(claims(sub="root", scope="admin")), good().split(".")[2]]
    ),
    "expired": good(exp=NOW - 11),
    "no exp": good(exp=None),
    "exp is text": good(exp="9999999999"),
    "exp is a truth": good(exp=True),
    "exp is infinite": forged(HEADER, json.dumps(claims()).replace(str(NOW + 60), "1e999").encode()),
    "exp is no number": forged(HEADER, json.dumps(claims()).replace(str(NOW + 60), "NaN").encode()),
    "exp is below zero": good(exp=-1),
    "not yet": good(nbf=NOW + 11),
    "issued later": good(iat=NOW + 3600),
    "nbf is text": good(nbf="soon"),
    "another audience": good(aud="other"),
    "no audience": good(aud=None),
    "audience is empty": good(aud=[]),
    "audience is a part": good(aud="journey"),
    "another issuer": good(iss="https://evil.example"),
    "no issuer": good(iss=None),
    "issuer with a slash more": good(iss=f"{POLICY.issuer}/"),
    "no subject": good(sub=None),
    "subject is a number": good(sub=7),
    "subject is empty": good(sub=" "),
    "subject is a key": good(sub="key:admin"),
    "subject is local": good(sub="local"),
    "subject is long": good(sub="x" * 257),
    "subject with a line feed": good(sub="ann\nroot"),
    "scopes is no list": good(scopes={"admin": True}),
    "scope of numbers": good(scopes=[1, 2]),
    "crit": good({"crit": ["exp"]}),
    "unknown crit": good({"crit": ["x"], "x": 1}),
    "jku": good({"jku": "https://evil.example/keys"}),
    "x5u": good({"x5u": "https://evil.example/cert"}),
    "its own key": good({"jwk": {"kty": "oct", "k": segment(SECRET.encode())}}),
    "zip": good({"zip": "DEF"}),
    "b64": good({"b64": False}),
    "kid is a number": good({"kid": 1}),
    "another type": good({"typ": "JWE"}),
    "alg twice": forged(b'{"alg":"none","alg":"HS256"}', claims()),
    "sub twice": forged(HEADER, json.dumps(claims()).replace("{", '{"sub": "root", ', 1).encode()),
    "header is a list": forged([1], claims()),
    "payload is a list": forged(HEADER, [1]),
    "payload is deep": forged(HEADER, b"[" * 3000),
    "payload is no JSON": forged(HEADER, b"hello"),
    "payload is no UTF-8": forged(HEADER, b'{"sub": "\xff"}'),
    "oversized": good(extra="x" * 9000),
    "four parts": good() + ".x",
    "five parts": ".".join(["e30"] * 5),
    "two parts": good().rsplit(".", 1)[0],
    "padded": good() + "=",
    "spaces": good().replace(".", ". ", 1),
    "a line feed behind": good() + "\n",
    "standard base64": good().replace("-", "+").replace("_", "/") + "/",
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_attacks_come_to_nothing(tokens: TokenVerifier, name: str) -> None:
    assert await tokens.verify(ATTACKS[name]) is None


# --- key sets


def jwk(key: Any, kid: str, algorithm: str = "RS256", **changes: Any) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig", "alg": algorithm, **changes}


class Issuer:
    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.down = False

    async def __call__(self) -> bytes:
        self.asked += 1
        if self.down:
            raise ServiceUnavailableError("away")
        return json.dumps({"keys": self.keys}).encode()


def by_set(issuer: Issuer, algorithm: str = "RS256") -> tuple[TokenVerifier, KeySet, ManualClock]:
    clock = ManualClock(NOW * 1_000_000)
    key_set = KeySet(issuer, algorithm, clock)
    policy = Policy(algorithm=algorithm, audience=POLICY.audience, issuer=POLICY.issuer)
    return TokenVerifier(policy, key_set, clock), key_set, clock


def rs256(kid: str | None = "a", key: Any = RSA, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm="RS256", headers={} if kid is None else {"kid": kid})


async def test_keys_rotate_and_are_asked_for_seldom() -> None:
    issuer = Issuer(jwk(RSA, "a"))
    tokens, key_set, clock = by_set(issuer)
    changes: list[int] = []
    key_set.changed = lambda: changes.append(issuer.asked)
    assert await tokens.verify(rs256()) is not None
    assert await tokens.verify(rs256()) is not None
    issuer.keys.append(jwk(OTHER_RSA, "b"))
    fresh = rs256("b", OTHER_RSA, exp=NOW + 9999)
    assert await tokens.verify(fresh) is None  # asked a moment ago
    assert issuer.asked == 1
    clock.advance(31)
    assert await tokens.verify(fresh) is not None
    issuer.keys = [jwk(OTHER_RSA, "b")]
    clock.advance(3601)
    assert await tokens.verify(rs256("a", exp=NOW + 9999)) is None
    assert await tokens.verify(fresh) is not None
    assert (issuer.asked, changes) == (3, [1, 2, 3])


async def test_an_issuer_that_is_away_is_survived_for_a_day() -> None:
    issuer = Issuer(jwk(RSA, "a"))
    tokens, _, clock = by_set(issuer)
    late = rs256(exp=NOW + 10**6)
    assert await tokens.verify(late) is not None
    issuer.down = True
    clock.advance(23 * 3600)
    assert await tokens.verify(late) is not None
    clock.advance(2 * 3600)
    with pytest.raises(ServiceUnavailableError):
        await tokens.verify(late)


async def test_no_keys_at_all_is_no_way_in() -> None:
    tokens, _, _ = by_set(Issuer())
    with pytest.raises(ServiceUnavailableError):
        await tokens.verify(rs256())


@pytest.mark.parametrize(
    "token",
    [
        rs256(None),
        rs256("b"),
        rs256("../../a"),
        rs256("a' OR 1=1 --"),
        rs256("a\x00"),
        rs256("a", OTHER_RSA),
        signed_by_public,
        forged({"alg": "HS256", "kid": "a"}, claims(), PUBLIC_PEM),
        forged({"alg": "RS256", "kid": "a"}, claims(), PUBLIC_PEM),
        jwt.encode(claims(), EC, algorithm="ES256", headers={"kid": "a"}),
        unsigned,
    ],
)
async def test_attacks_on_a_key_set_come_to_nothing(token: str) -> None:
    tokens, _, _ = by_set(Issuer(jwk(RSA, "a")))
    assert await tokens.verify(token) is None


async def test_elliptic_curves() -> None:
    tokens, _, _ = by_set(Issuer(jwk(EC, "e", "ES256"), jwk(RSA, "a")), "ES256")
    good = jwt.encode(claims(), EC, algorithm="ES256", headers={"kid": "e"})
    assert await tokens.verify(good) is not None
    assert await tokens.verify(rs256("a")) is None


@pytest.mark.parametrize(
    "keys",
    [
        [jwk(RSA, "a", use="enc")],
        [jwk(RSA, "a", alg="RS512")],
        [jwk(SMALL_RSA, "a")],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}],
        [jwk(EC, "a", "ES256")],
        [{**jwk(RSA, "a"), "kid": None}],
        [{**jwk(RSA, "a"), "d": "x"}],
        [jwk(RSA, "a"), jwk(OTHER_RSA, "a")],
        [jwk(RSA, "a", n="!!")],
        [3],
        [],
    ],
)
def test_keys_that_cannot_be_used_are_not(keys: list[Any]) -> None:
    with pytest.raises(ValueError, match="key"):
        keys_of(json.dumps({"keys": keys}).encode(), "RS256")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"keys": 1}', b"[" * 100_000, b"x" * 300_000])
def test_what_is_no_key_set(data: bytes) -> None:
    with pytest.raises(ValueError, match="key set"):
        keys_of(data, "RS256")

"""Forged, stale and misdirected tokens: each is refused without a reason."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from journeyman.auth.tokens import SharedSecret, TokenVerifier, sign
from journeyman.clock import ManualClock
from journeyman.resilience.rate_limit import Rate
from tests.harness.forged_tokens import (
    HEADER,
    NOW,
    POLICY,
    SECRET,
    by_rsa,
    claims,
    forged,
    good,
    segment,
    signed_by_public,
    unsigned,
)


async def test_a_good_token_opens(tokens: TokenVerifier) -> None:
    caller = await tokens.verify(good())
    assert caller is not None
    assert (caller.principal, caller.scopes, caller.key_id) == ("ann", {"run", "fork", "read"}, None)
    assert caller.expires_at == (NOW + 70) * 1_000_000


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({"scope": None, "scopes": ["tools", "openid"]}, {"tools"}),
        ({"scope": "openid  profile admin"}, {"admin"}),
        ({"scope": None}, set()),
        ({"aud": ["other", "journeyman"]}, {"run", "fork", "read"}),
        ({"exp": NOW + 60.5}, {"run", "fork", "read"}),
        ({"nbf": NOW + 9}, {"run", "fork", "read"}),
        ({"exp": NOW - 9}, {"run", "fork", "read"}),
    ],
)
async def test_other_good_tokens(tokens: TokenVerifier, changes: dict[str, Any], scopes: set[str]) -> None:
    caller = await tokens.verify(good(**changes))
    assert caller is not None
    assert caller.scopes == scopes


async def test_made_here_and_believed_here(tokens: TokenVerifier) -> None:
    caller = await tokens.verify(sign(POLICY, SECRET, "bob", ["run"], NOW * 1_000_000, 900))
    assert caller is not None
    assert (caller.principal, caller.scopes) == ("bob", {"run", "fork"})


async def test_a_subject_that_acts_for_others_has_a_rate_or_one_warning(
    tokens: TokenVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        caller = await tokens.verify(good(scope="read delegate"))
        assert caller is not None
        assert (caller.rate, caller.credential) == (None, "token:ann")
    assert [record.message for record in caplog.records if "DELEGATE_RATE" in record.message] == [
        "a token has the scope `delegate`, and no rate applies to all users that it acts for together: set "
        "DELEGATE_RATE, such as 600/60s (principal ann)"
    ]
    clock = ManualClock(NOW * 1_000_000)
    limited = TokenVerifier(POLICY, SharedSecret(SECRET), clock, delegate_rate=Rate(9, 60))
    callers = [await limited.verify(good(scope=scope)) for scope in ("read delegate", "read", "admin")]
    assert [caller.rate if caller else "" for caller in callers] == [Rate(9, 60), None, None]
    assert callers[0] is not None
    assert callers[0].on_behalf_of("bob").credential == "token:ann"


async def test_a_token_that_could_fork_still_may_with_one_warning(
    tokens: TokenVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        caller = await tokens.verify(good())
        assert caller is not None
        assert caller.may("fork")
    [warning] = caplog.messages
    assert "from the next release on it may not (principal ann)" in warning
    caplog.clear()
    for scope in ("run fork", "read"):
        assert await tokens.verify(good(scope=scope)) is not None
    assert caplog.messages == []


def test_a_subject_cannot_be_the_delegate_of_another_principal() -> None:
    from journeyman.auth.tokens import principal_of

    assert principal_of("key/ann") == "key%2Fann"
    assert principal_of("key%2Fann") != principal_of("key/ann")


@pytest.mark.parametrize(
    "subject",
    [
        "key:shop",
        "KEY:shop",
        "\uff4b\uff45\uff59:shop",
        "key\ufe55shop",
        "local",
        "Local",
        "\uff4cocal",
        " ann",
        "ann\u00a0",
        "ann\u200b",
        "\u202eann",
        "an\u00adn",
        "ann\U000e0041",
        "ann\u2028",
        "ann\ue000",
    ],
)
async def test_a_subject_that_looks_like_another_is_refused(tokens: TokenVerifier, subject: str) -> None:
    assert await tokens.verify(good(sub=subject)) is None


@pytest.mark.parametrize(
    "subject", ["auth0|5f7c", "Ann Lee", "josé@example.org", "王芳", "keyring", "spiffe://a/b", "d-42"]
)
async def test_ordinary_subjects_are_accepted(tokens: TokenVerifier, subject: str) -> None:
    assert await tokens.verify(good(sub=subject)) is not None


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


def jwk(key: Any, kid: str, algorithm: str = "RS256", **changes: Any) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig", "alg": algorithm, **changes}

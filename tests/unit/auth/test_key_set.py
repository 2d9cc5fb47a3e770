from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from journeyman.auth.key_set import KeySet, keys_of
from journeyman.auth.tokens import Policy, TokenVerifier
from journeyman.clock import ManualClock
from journeyman.errors import ServiceUnavailableError
from tests.harness.forged_tokens import (
    EC,
    NOW,
    OTHER_RSA,
    POLICY,
    PUBLIC_PEM,
    RSA,
    SMALL_RSA,
    claims,
    forged,
    signed_by_public,
    unsigned,
)
from tests.unit.auth.test_tokens import jwk


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

"""JSON Web Tokens for tests: good ones, and ones signed or written wrongly."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from journeyman.auth.tokens import Policy

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


unsigned = f"{segment({'alg': 'none'})}.{segment(claims())}."


signed_by_public = forged({"alg": "HS256", "typ": "JWT"}, claims(), PUBLIC_PEM)


by_rsa = jwt.encode(claims(), RSA, algorithm="RS256")

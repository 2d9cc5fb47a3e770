"""JSON Web Tokens: one pinned algorithm, keys from the settings or a key set, every claim checked.

What a token says about its verification (`alg`, `kid`, `jku`, `x5u`, `jwk`, `crit`) is only used to choose a key of
the set. An invalid token is always answered with None, without a reason.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Protocol

import msgspec

from journeyman.auth.limits import DELEGATE
from journeyman.auth.principal import KEY_PREFIX, LOCAL_NAME, SCOPES, Caller
from journeyman.clock import Clock
from journeyman.resilience.rate_limit import Rate

ALGORITHMS = ("HS256", "RS256", "ES256")
SECRET_BYTES = 32  # at least, of an HS256 secret
MOST_BYTES = 8192  # of a token
_LOG = logging.getLogger(__name__)
LEEWAY_SECONDS = 10  # between the issuer's clock and this one
MOST_SUBJECT = 256  # characters
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADER = frozenset(("alg", "typ", "kid"))  # no others: not crit, jku, jwk, x5u, x5c, b64, zip, enc
_TYPES = frozenset(("JWT", "AT+JWT", "APPLICATION/AT+JWT"))
_REQUIRED = ("exp", "sub", "aud", "iss")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # control, format, surrogates, private, separators


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a token must claim: its algorithm, audience and issuer."""

    algorithm: str
    audience: str
    issuer: str


class VerifyingKeys(Protocol):
    """The keys that verify tokens."""

    async def key(self, kid: str | None) -> Any | None:
        """Return the key with this `kid`, as PyJWT takes it; None if there is none. Raises ServiceUnavailableError."""
        ...


class SharedSecret:
    """The one key of HS256: a shared secret, which a token need not name."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    async def key(self, kid: str | None) -> bytes | None:
        return self._secret


class TokenVerifier:
    """Verifies tokens against one policy."""

    def __init__(self, policy: Policy, keys: VerifyingKeys, clock: Clock, *, delegate_rate: Rate | None = None) -> None:
        """`delegate_rate` is the rate of requests of each subject whose tokens may act for others. None: no limit."""
        import_module("jwt")  # now, so that the first request need not wait for it
        self._policy = policy
        self._keys = keys
        self._clock = clock
        self._delegate_rate = delegate_rate
        self._has_warned = False
        self._has_warned_of_rate = False

    async def verify(self, token: str) -> Caller | None:
        """Return the caller that the token names; None if it is not valid.

        Raises ServiceUnavailableError if the keys cannot be fetched.
        """
        header = header_of(token, self._policy.algorithm)
        if header is None:
            return None
        key = await self._keys.key(header.get("kid"))
        claims = None if key is None else claims_of(token, key, self._policy)
        caller = None if claims is None else caller_of(claims, self._clock.now())
        return None if caller is None else self._with_rate(self._with_fork(caller))

    def _with_rate(self, caller: Caller) -> Caller:
        """Return the caller with the rate of callers that act for others, if its token has `delegate`."""
        if DELEGATE not in caller.scopes:
            return caller
        if self._delegate_rate is None and not self._has_warned_of_rate:
            self._has_warned_of_rate = True
            text = (
                "a token has the scope `delegate`, and no rate applies to all users that it acts for together: set "
                "DELEGATE_RATE, such as 600/60s"
            )
            _LOG.warning("%s (principal %s)", text, caller.principal)
        return msgspec.structs.replace(caller, rate=self._delegate_rate)

    def _with_fork(self, caller: Caller) -> Caller:
        """Return the caller with the scope `fork` if its token has `run`, as it could fork before there was `fork`."""
        if "run" not in caller.scopes or "fork" in caller.scopes:
            return caller
        if not self._has_warned:
            self._has_warned = True
            text = "a token with the scope `run` and without `fork` may still fork; from the next release on it may not"
            _LOG.warning("%s (principal %s)", text, caller.principal)
        return msgspec.structs.replace(caller, scopes=caller.scopes | {"fork"})


def is_token(credential: str) -> bool:
    """Check whether a credential has the form of a token, not of an API key."""
    return credential.count(".") == 2 and not credential.startswith("jm_")


def header_of(token: str, algorithm: str) -> dict[str, Any] | None:
    """Return the header of a token that is worth verifying; None for any other."""
    if len(token) > MOST_BYTES or not _SHAPE.fullmatch(token):
        return None
    header = _object(token.partition(".")[0])
    if header is None or not header.keys() <= _HEADER or header.get("alg") != algorithm:
        return None
    if str(header.get("typ", "JWT")).upper() not in _TYPES or not isinstance(header.get("kid", ""), str):
        return None
    return header


def claims_of(token: str, key: Any, policy: Policy) -> Mapping[str, Any] | None:
    """Return the claims of a token with a valid signature, audience and issuer, else None. Times are not checked."""
    import jwt  # noqa: PLC0415 - 50 ms and 10 MB with its cryptography, only where tokens are accepted

    if _object(token.split(".")[1]) is None:
        return None
    options = {"require": list(_REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[policy.algorithm],
            audience=policy.audience,
            issuer=policy.issuer,
            options=options,  # type: ignore[arg-type]
        )
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        return None
    return claims


def caller_of(claims: Mapping[str, Any], now: int) -> Caller | None:
    """Return the caller that the claims name, or None if they are not valid at `now` (µs since the epoch)."""
    expires = _moment(claims.get("exp"))
    subject, scopes = claims.get("sub"), _scopes(claims)
    if expires is None or expires + LEEWAY_SECONDS * 1_000_000 <= now or scopes is None:
        return None
    for name in ("nbf", "iat"):
        if name in claims and ((begin := _moment(claims[name])) is None or begin > now + LEEWAY_SECONDS * 1_000_000):
            return None
    if not isinstance(subject, str) or not _is_subject(subject):
        return None
    own = principal_of(subject)
    return Caller(principal=own, scopes=scopes, expires_at=expires + LEEWAY_SECONDS * 1_000_000, subject=own)


def principal_of(subject: str) -> str:
    """Return the principal of a subject. Its slashes are escaped: a slash means delegation (`caller/other`)."""
    return subject.replace("%", "%25").replace("/", "%2F")


def _is_subject(subject: str) -> bool:
    """Check a subject: it may not be or look like another's.

    So it is no principal of a key, nor `local`, which owns what was made without authentication, in whatever letters,
    and has no character that is not seen.
    """
    plain = unicodedata.normalize("NFKC", subject).casefold()
    reserved = plain.startswith(KEY_PREFIX) or plain == LOCAL_NAME
    seen = not any(unicodedata.category(character) in _UNSEEN for character in subject)
    return bool(subject) and subject == subject.strip() and len(subject) <= MOST_SUBJECT and not reserved and seen


def _scopes(claims: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the known scopes of `scopes` (a list) or `scope` (separated by spaces); unknown ones are ignored."""
    given: Any = claims.get("scopes", claims.get("scope", ""))
    if isinstance(given, str):
        given = given.split()
    if not isinstance(given, list) or not all(isinstance(scope, str) for scope in given):
        return None
    return frozenset(given) & SCOPES.keys()


def _moment(value: Any) -> int | None:
    """Convert a claim's seconds to µs; None if it is not a time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        return None
    return int(value * 1_000_000)


def _object(segment: str) -> dict[str, Any] | None:
    """Decode a segment as a JSON object; None if it is none or repeats a name."""
    try:
        value = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), object_pairs_hook=_unique)
    except (Base64Error, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(name)
        found[name] = value
    return found


def sign(policy: Policy, secret: str, subject: str, scopes: Iterable[str], now: int, ttl_seconds: float) -> str:
    """Make a token for `subject`, signed with the shared secret (`journeyman token`)."""
    import jwt  # noqa: PLC0415 - 50 ms and 10 MB with its cryptography, only where tokens are accepted

    issued = now // 1_000_000
    claims = {
        "sub": subject,
        "scope": " ".join(scopes),
        "aud": policy.audience,
        "iss": policy.issuer,
        "iat": issued,
        "exp": issued + int(ttl_seconds),
    }
    return jwt.encode(claims, secret, algorithm=policy.algorithm)

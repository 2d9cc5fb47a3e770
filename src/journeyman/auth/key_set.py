"""The issuer's public keys (JWKS): fetched when needed, cached, and fetched again if a token names an unknown key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from journeyman.clock import Clock
from journeyman.errors import ServiceError, ServiceUnavailableError

MOST_BYTES = 256 * 1024
MOST_KEYS = 64
FRESH_SECONDS = 3600.0  # for which a set is used without fetching it again
STALE_SECONDS = 24 * 3600.0  # for which it is used while the issuer cannot be reached
PAUSE_SECONDS = 30.0  # at least, between two fetches
RSA_BITS = 2048  # at least
_KIND = {"RS256": "RSA", "ES256": "EC"}

_log = logging.getLogger(__name__)
Fetch = Callable[[], Awaitable[bytes]]


def _nothing() -> None:
    pass


class KeySet:
    """The issuer's keys for one algorithm, by their `kid`. `on_change` is called when a fetch brings different keys."""

    def __init__(self, fetch: Fetch, algorithm: str, clock: Clock, on_change: Callable[[], None] = _nothing) -> None:
        self._fetch = fetch
        self._algorithm = algorithm
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._thumbs: Mapping[str, Any] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._fetching = asyncio.Lock()
        self._on_change = on_change

    async def key(self, kid: str | None) -> Any | None:
        """Return the key with this `kid`, as PyJWT takes it; None if the set has none.

        Raises ServiceUnavailableError if the keys cannot be fetched.
        """
        if kid is None:
            return None
        if kid not in self._keys or self._age() > FRESH_SECONDS:
            async with self._fetching:
                if kid not in self._keys or self._age() > FRESH_SECONDS:
                    await self._renew()
        if self._age() > STALE_SECONDS:
            raise ServiceUnavailableError(
                "The keys that verify tokens cannot be fetched now. Try again.", retry_after=5
            )
        return self._keys.get(kid)

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._clock.monotonic() - self._fetched

    async def _renew(self) -> None:
        """Fetch the set again, but at most once in PAUSE_SECONDS: invented `kid`s must cause no load on the issuer."""
        now = self._clock.monotonic()
        if self._tried is not None and now - self._tried < PAUSE_SECONDS:
            return
        self._tried = now
        try:
            found = keys_of(await self._fetch(), self._algorithm)
        except (ServiceError, ValueError) as exc:
            _log.warning("the keys that verify tokens could not be fetched: %s", exc)
            return
        self._fetched = self._clock.monotonic()
        thumbs = {kid: jwk for kid, (jwk, _) in found.items()}
        self._keys = {kid: key for kid, (_, key) in found.items()}
        if thumbs != self._thumbs:
            self._thumbs = thumbs
            self._on_change()


def keys_of(data: bytes, algorithm: str) -> dict[str, tuple[Any, Any]]:
    """Parse a key set. Returns each key by its `kid`: as it was written, and as PyJWT takes it.

    Keys for other uses are skipped. Raises ValueError if `data` is not a key set or has no key for `algorithm`.
    """
    if len(data) > MOST_BYTES:
        raise ValueError("the key set is too large")
    try:
        listed = msgspec.json.decode(data)["keys"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError) as exc:
        raise ValueError("this is not a key set") from exc
    if not isinstance(listed, list):
        raise ValueError("this is not a key set")
    found: dict[str, tuple[Any, Any]] = {}
    for jwk in listed[:MOST_KEYS]:
        if isinstance(jwk, dict) and (key := _key(jwk, algorithm)) is not None:
            if jwk["kid"] in found:
                raise ValueError("two keys have the same `kid`")
            found[jwk["kid"]] = (jwk, key)
    if not found:
        raise ValueError(f"it has no key for {algorithm}")
    return found


def _key(jwk: dict[str, Any], algorithm: str) -> Any | None:
    import jwt  # noqa: PLC0415 - 50 ms and 10 MB with its cryptography, only where tokens are accepted

    fits = (
        jwk.get("kty") == _KIND[algorithm] and jwk.get("use", "sig") == "sig" and jwk.get("alg", algorithm) == algorithm
    )
    if not fits or not isinstance(jwk.get("kid"), str) or "d" in jwk:
        return None
    if algorithm == "ES256" and jwk.get("crv") != "P-256":
        return None
    try:
        key = jwt.PyJWK(jwk, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if algorithm == "RS256" and key.key_size < RSA_BITS else key

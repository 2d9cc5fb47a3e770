"""Authenticator: turns a credential, an API key or a token, into its caller."""

from __future__ import annotations

import hashlib

from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.principal import Caller
from journeyman.auth.remembered import VerificationCache
from journeyman.auth.tokens import MOST_BYTES, TokenVerifier, is_token
from journeyman.clock import Clock
from journeyman.errors import ServiceUnavailableError, UnauthenticatedError


class Authenticator:
    """Verifies credentials. A credential that was verified before costs one hash and one lookup."""

    def __init__(self, keys: ApiKeys, tokens: TokenVerifier | None, cache: VerificationCache, clock: Clock) -> None:
        self._keys = keys
        self._tokens = tokens
        self._cache = cache
        self._clock = clock

    async def authenticate(self, credential: str) -> Caller:
        """Return the owner of this credential. Raises UnauthenticatedError, which never says why."""
        if not credential or len(credential) > MOST_BYTES or not credential.isascii():
            raise unauthenticated()
        digest = hashlib.sha256(credential.encode()).digest()
        caller = self._cache.get(digest, self._clock.now())
        return caller if caller is not None else await self._verified(credential, digest)

    async def _verified(self, credential: str, digest: bytes) -> Caller:
        generation = self._cache.generation
        if self._tokens is not None and is_token(credential):
            caller = await self._tokens.verify(credential)
        else:
            caller = await self._keys.verify(credential)
        if caller is None:
            raise unauthenticated()
        self._cache.put(digest, caller, generation, self._clock.now())
        return caller

    async def is_valid(self, credential: str) -> bool:
        """Check whether the credential of an open connection is still valid."""
        try:
            await self.authenticate(credential)
        except (UnauthenticatedError, ServiceUnavailableError):
            return False
        return True


def unauthenticated() -> UnauthenticatedError:
    """Return the one error for every credential that is missing or invalid."""
    return UnauthenticatedError("Send a valid API key or token as `Authorization: Bearer`.")

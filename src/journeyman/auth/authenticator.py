"""From a credential to a caller: an API key or a token, and on whose behalf."""

from __future__ import annotations

import hashlib

from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.principal import Caller
from journeyman.auth.remembered import VerificationCache
from journeyman.auth.tokens import MOST_BYTES, TokenVerifier, is_token
from journeyman.clock import Clock
from journeyman.errors import ServiceUnavailableError, UnauthenticatedError


class Authenticator:
    """The one way in. The second request with a credential costs a hash and a look into a table."""

    def __init__(
        self, keys: ApiKeys, tokens: TokenVerifier | None, remembered: VerificationCache, clock: Clock
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._remembered = remembered
        self._clock = clock

    async def caller(self, credential: str) -> Caller:
        """Who holds this credential. Raises UnauthenticatedError, which never says why."""
        if not credential or len(credential) > MOST_BYTES or not credential.isascii():
            raise unauthenticated()
        digest = hashlib.sha256(credential.encode()).digest()
        caller = self._remembered.get(digest, self._clock.now())
        return caller if caller is not None else await self._verified(credential, digest)

    async def _verified(self, credential: str, digest: bytes) -> Caller:
        generation = self._remembered.generation
        if self._tokens is not None and is_token(credential):
            caller = await self._tokens.verify(credential)
        else:
            caller = await self._keys.verify(credential)
        if caller is None:
            raise unauthenticated()
        self._remembered.put(digest, caller, generation, self._clock.now())
        return caller

    async def still(self, credential: str) -> bool:
        """Does the credential of an open connection hold yet?"""
        try:
            await self.caller(credential)
        except (UnauthenticatedError, ServiceUnavailableError):
            return False
        return True


def unauthenticated() -> UnauthenticatedError:
    return UnauthenticatedError("Send `Authorization: Bearer` and an API key or token that is valid here.")

"""Authentication as the settings ask for it: API keys in the journal, tokens by a secret or the issuer's key set."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from journeyman.auth.api_keys import SEED_ID, ApiKeys, usable
from journeyman.auth.authenticator import Authenticator
from journeyman.auth.key_set import MOST_BYTES, KeySet
from journeyman.auth.limits import DELEGATE, is_bounded
from journeyman.auth.remembered import VerificationCache
from journeyman.auth.tokens import Policy, SharedSecret, TokenVerifier
from journeyman.clock import Clock
from journeyman.egress.services import Services
from journeyman.egress.transport import Request, Transport
from journeyman.errors import ConfigurationError, ServiceError
from journeyman.ids import RandomSecretSource
from journeyman.journal.journal import ApiKeyRow, Journal
from journeyman.resilience.guard import ErrorClass
from journeyman.settings import Settings

_LOG = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Authentication:
    """The API keys of this server, and the authenticator of requests. Without one (`AUTH_MODE=off`) any caller may
    call."""

    keys: ApiKeys
    authenticator: Authenticator | None
    seed: str | None = None
    tokens: bool = False
    issuer: Issuer | None = None

    async def open(self, clock: Clock) -> None:
        """Store the key of the settings, if there is one. Raises ConfigurationError if no caller could ever
        authenticate: a key that was made from a setting which is gone is no way in."""
        if self.seed is not None:
            await self.keys.seed(self.seed)
        if self.authenticator is None:
            return
        ways = [row for row in await self.keys.list() if usable(row, clock.now())]
        _warn_of_unbounded(ways)
        _warn_of_unconfirmed(ways)
        if self.seed is None and any(row.id == SEED_ID for row in ways):
            ways = [row for row in ways if row.id != SEED_ID]
            _LOG.warning(
                "the key %r, made from API_KEY, is still accepted though API_KEY is gone: set it again, or run "
                "`journeyman keys revoke %s`",
                SEED_ID,
                SEED_ID,
            )
        if not ways and not self.tokens:
            raise ConfigurationError(
                "AUTH_MODE=required, but there is no key and no JWT_… setting, so nobody could call: make the first "
                "key with `journeyman keys create admin --scopes admin`, or set API_KEY"
            )

    async def aclose(self) -> None:
        """Close the connections to the token issuer."""
        if self.issuer is not None:
            await self.issuer.aclose()


def _warn_of_unbounded(rows: Iterable[ApiKeyRow]) -> None:
    """Warn of each key that may act for others and has no rate or no quota: keys of earlier releases needed neither."""
    for row in rows:
        if DELEGATE in row.scopes and not is_bounded(row.rate, row.quota):
            _LOG.warning(
                "the key %s (%s) has the scope `delegate` without a rate and a quota, so no limit applies to all users "
                "that it acts for together: make another one with `journeyman keys create`, and revoke this one",
                row.id,
                row.name,
            )


def _warn_of_unconfirmed(rows: Iterable[ApiKeyRow]) -> None:
    """List the keys of earlier releases, which made keys for any caller while AUTH_MODE was off."""
    old = [row for row in rows if not row.confirmed and row.id != SEED_ID]
    if old:
        listed = "".join(f"; {row.name} ({' '.join(row.scopes)}): `journeyman keys revoke {row.id}`" for row in old)
        _LOG.warning(
            "an earlier release made these keys, perhaps for a caller that had to show none, and they are valid: "
            "revoke those that you do not know, and run `journeyman keys confirm` while the server is stopped to end "
            "this notice%s",
            listed,
        )


class Issuer:
    """Fetches the token issuer's key set, behind a guard. Its address comes from the operator, so it may be private."""

    def __init__(self, url: str, services: Services) -> None:
        self._url = url
        self._services = services
        self._transport: Transport | None = None

    async def __call__(self) -> bytes:
        """Return the key set as the issuer sends it. Raises ServiceError."""
        destination = self._services.of_url(self._url)
        request = Request("GET", self._url, {"accept": "application/json"}, b"", destination.timeouts)

        async def attempt(number: int) -> bytes:
            async with self._opened().send(request) as response:
                if response.status != 200:
                    raise ServiceError(f"{self._url} answered {response.status}", status=response.status)
                return await response.read(MOST_BYTES)

        return await destination.guard.call(attempt, lambda error: ErrorClass(failing=True, repeatable=True))

    def _opened(self) -> Transport:
        if self._transport is None:
            from journeyman.egress.pool import AiohttpTransport  # noqa: PLC0415 - 0.15 s and 12 MB, only where needed

            self._transport = AiohttpTransport()
        return self._transport

    async def aclose(self) -> None:
        """Close the transport, if it was opened."""
        if self._transport is not None:
            await self._transport.aclose()


def authentication(settings: Settings, journal: Journal, services: Services, clock: Clock) -> Authentication:
    """Build the authentication that the settings ask for."""
    remembered = VerificationCache()
    keys = ApiKeys(journal, clock, RandomSecretSource(), remembered.clear)
    if settings.auth_mode == "off":
        return Authentication(keys=keys, authenticator=None)
    issuer = Issuer(settings.jwt_jwks_url, services) if settings.jwt_jwks_url else None
    tokens = _tokens(settings, issuer, remembered, clock)
    return Authentication(
        keys=keys,
        authenticator=Authenticator(keys, tokens, remembered, clock),
        seed=settings.seed_key,
        tokens=tokens is not None,
        issuer=issuer,
    )


def token_policy(settings: Settings) -> Policy | None:
    """Return what a token must fulfil. None: tokens are not accepted."""
    if not settings.jwt_configured:
        return None
    assert settings.jwt_audience is not None
    assert settings.jwt_issuer is not None
    return Policy(algorithm=settings.token_algorithm, audience=settings.jwt_audience, issuer=settings.jwt_issuer)


def _tokens(
    settings: Settings, issuer: Issuer | None, remembered: VerificationCache, clock: Clock
) -> TokenVerifier | None:
    """Return the verifier of tokens. None: tokens are not accepted."""
    policy = token_policy(settings)
    if policy is None:
        return None
    if issuer is None:
        assert settings.jwt_secret_key is not None
        secret = SharedSecret(settings.jwt_secret_key.get_secret_value())
        return TokenVerifier(policy, secret, clock, delegate_rate=settings.rate_of_delegates)
    key_set = KeySet(issuer, policy.algorithm, clock, remembered.clear)
    return TokenVerifier(policy, key_set, clock, delegate_rate=settings.rate_of_delegates)

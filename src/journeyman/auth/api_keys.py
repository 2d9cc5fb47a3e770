"""API keys: `jm_` + 12 hexadecimal digits that may be shown + `_` + 256 random bits. Only the SHA-256 is stored."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from journeyman.auth.limits import NO_LIMITS, KeyLimits, checked_limits, rate_of
from journeyman.auth.principal import KEY_PREFIX, Caller, checked_name, checked_scopes
from journeyman.clock import Clock
from journeyman.errors import NotFoundError, StateError, ValidationError
from journeyman.ids import SecretSource
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import ApiKeyRow, Batch, IdempotencyClaim, Journal

SEED_ID = "seed"  # of a key that was chosen by whoever set API_KEY
SEED_CHARS = 32  # at least
MICROSECONDS = 1_000_000
_KEY = re.compile(r"jm_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class NewKey(msgspec.Struct, frozen=True):
    """A key that was made just now: the one time that its secret is known. None: an earlier request made it."""

    row: ApiKeyRow
    secret: str | None


def key_id(secret: str) -> str:
    """Where the key is found: the part of it that may be shown."""
    match = _KEY.fullmatch(secret)
    return match[1] if match else SEED_ID


def digest(secret: str) -> str:
    """A key is 256 random bits: one plain hash of it cannot be searched."""
    return hashlib.sha256(secret.encode()).hexdigest()


def usable(row: ApiKeyRow, now: int) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)


class ApiKeys:
    """The keys of this server, in its journal. `changed` is told after each change: what was verified is void."""

    def __init__(self, journal: Journal, clock: Clock, secrets: SecretSource) -> None:
        self._journal = journal
        self._clock = clock
        self._secrets = secrets
        self._changing = asyncio.Lock()
        self.changed: Callable[[], None] = _nothing

    async def verify(self, secret: str) -> Caller | None:
        """Who holds this key; None: no such key, or it is revoked or expired."""
        row = await self._journal.api_key(key_id(secret)) or await self._journal.api_key(SEED_ID)
        if row is None or not hmac.compare_digest(row.hash, digest(secret)) or not usable(row, self._clock.now()):
            return None
        return Caller(
            principal=row.principal,
            scopes=frozenset(row.scopes),
            key_id=row.id,
            expires_at=row.expires_at,
            rate=rate_of(row.rate),
            quota=row.quota,
            line=row.line or row.id,
        )

    async def seed(self, secret: str) -> None:
        """The first admin key, chosen by the operator. A key that was revoked stays so; another secret replaces it."""
        row = await self._journal.api_key(SEED_ID)
        if row is not None and row.hash == digest(secret):
            return
        now = self._clock.now()
        seeded = self._row("admin", ("admin",), secret, None, None, now)
        await self._save(msgspec.structs.replace(seeded, id=SEED_ID), now)

    async def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        principal: str | None = None,
        ttl_seconds: float | None = None,
        limits: KeyLimits = NO_LIMITS,
        claim: IdempotencyClaim | None = None,
    ) -> NewKey:
        """Make a key. Keys of one principal share what it owns; by default the name makes the principal.

        Raises ValidationError.
        """
        now = self._clock.now()
        secret = self._new_secret()
        expires = _expiry(now, ttl_seconds)
        row = self._row(checked_name(name), checked_scopes(scopes), secret, principal, expires, now)
        row = _limited(row, checked_limits(limits))
        async with self._changing:
            earlier = await self._save(row, now, claim=claim)
        return NewKey(row, secret) if earlier is None else NewKey(await self._known(earlier), None)

    async def list(self) -> Sequence[ApiKeyRow]:
        return await self._journal.api_keys()

    async def revoke(self, id: str, claim: IdempotencyClaim | None = None) -> ApiKeyRow:
        """From now on the key opens nothing. Revoking twice changes nothing. Raises NotFoundError."""
        async with self._changing:
            row = await self._known(id)
            now = self._clock.now()
            await self._save(msgspec.structs.replace(row, revoked_at=row.revoked_at or now), now, claim=claim)
        return await self._known(id)

    async def rotate(self, id: str, grace_seconds: float = 0, claim: IdempotencyClaim | None = None) -> NewKey:
        """A new key of the same name, principal, scopes, limits and length of life; the old one ends after the grace.

        Raises NotFoundError, StateError `key_ended`.
        """
        async with self._changing:
            old, now = await self._known(id), self._clock.now()
            if (earlier := await self._made_before(claim)) is not None:
                return NewKey(await self._known(earlier), None)
            if not usable(old, now):
                raise StateError("This key is revoked or expired: create a new one.", code="key_ended")
            secret = self._new_secret()
            expires = None if old.expires_at is None else now + old.expires_at - old.created_at
            new = self._row(old.name, old.scopes, secret, old.principal, expires, now)
            new = _limited(new, KeyLimits(old.rate, old.quota))
            new = msgspec.structs.replace(new, line=old.line or old.id)
            await self._save(new, now, _ending(old, now, grace_seconds), claim=claim)
        return NewKey(new, secret)

    async def _known(self, id: str) -> ApiKeyRow:
        row = await self._journal.api_key(id)
        if row is None:
            raise NotFoundError(f"There is no key {id!r}: `journeyman keys list` shows the ids.")
        return row

    def _new_secret(self) -> str:
        return f"jm_{self._secrets.hexadecimal(6)}_{self._secrets.token(32)}"

    def _row(
        self, name: str, scopes: tuple[str, ...], secret: str, principal: str | None, expires: int | None, now: int
    ) -> ApiKeyRow:
        return ApiKeyRow(
            id=key_id(secret),
            name=name,
            principal=f"{KEY_PREFIX}{name}" if principal is None else checked_name(principal),
            hash=digest(secret),
            scopes=scopes,
            created_at=now,
            expires_at=expires,
        )

    async def _made_before(self, claim: IdempotencyClaim | None) -> str | None:
        """Asked where the change itself makes a second one impossible."""
        if claim is None:
            return None
        first = await self._journal.claim(claim.principal, claim.route, claim.key)
        return replayed_result(first, claim, self._clock.now())

    async def _save(
        self, row: ApiKeyRow, now: int, *more: ApiKeyRow, claim: IdempotencyClaim | None = None
    ) -> str | None:
        """Not None: nothing was saved, an earlier request with the claim made the key of this id."""
        if claim is not None:
            claim = msgspec.structs.replace(claim, made=row.id)
        committed = await self._journal.commit(Batch(at=now, appends=(), api_keys=(row, *more), claim=claim))
        self.changed()
        return committed.replay


def _nothing() -> None:
    pass


def _limited(row: ApiKeyRow, limits: KeyLimits) -> ApiKeyRow:
    return msgspec.structs.replace(row, rate=limits.rate, quota=limits.quota)


def _expiry(now: int, ttl_seconds: float | None) -> int | None:
    if ttl_seconds is None:
        return None
    if not 1 <= ttl_seconds <= 3_660 * 86_400:
        raise ValidationError("A key lives at least a second and at most ten years.")
    return now + int(ttl_seconds * MICROSECONDS)


def _ending(row: ApiKeyRow, now: int, grace_seconds: float) -> ApiKeyRow:
    if not 0 <= grace_seconds <= 30 * 86_400:
        raise ValidationError("The old key may live for at most 30 days more.")
    if grace_seconds == 0:
        return msgspec.structs.replace(row, revoked_at=now)
    end = now + int(grace_seconds * MICROSECONDS)
    return msgspec.structs.replace(row, expires_at=end if row.expires_at is None else min(end, row.expires_at))

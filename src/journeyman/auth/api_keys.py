"""API keys: `jm_`, 12 hexadecimal digits that may be shown, `_`, and 256 random bits.

Only the SHA-256 of a key is stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from journeyman.auth.limits import NO_LIMITS, KeyLimits, check_delegate, checked_limits, rate_of
from journeyman.auth.principal import KEY_PREFIX, Caller, checked_name, checked_scopes
from journeyman.clock import Clock
from journeyman.errors import NotFoundError, StateError, ValidationError
from journeyman.ids import SecretSource
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import ApiKeyRow, Batch, IdempotencyClaim, Journal

SEED_ID = "seed"  # of the key that the operator chose in API_KEY
SEED_CHARS = 32  # at least
MICROSECONDS = 1_000_000
_KEY = re.compile(r"jm_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class NewKey(msgspec.Struct, frozen=True):
    """A new key with its secret, which is known only now. The secret is None if an earlier request made the key."""

    row: ApiKeyRow
    secret: str | None


class _Saved(msgspec.Struct, frozen=True):
    """The key that a change made or changed. If `replayed`, an earlier request did that and nothing was saved now."""

    key_id: str
    replayed: bool = False


def _nothing() -> None:
    pass


def key_id(secret: str) -> str:
    """Return the id of a key: the part that may be shown. A key of any other form can only be the operator's seed."""
    match = _KEY.fullmatch(secret)
    return match[1] if match else SEED_ID


def digest(secret: str) -> str:
    """Hash a key. It has 256 random bits, so one plain SHA-256 cannot be reversed by guessing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def usable(row: ApiKeyRow, now: int) -> bool:
    """Check that a key is neither revoked nor expired. `now` is in µs since the epoch."""
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)


class ApiKeys:
    """The API keys of this server, stored in its journal.

    `on_change` is called after each change, so that earlier verifications can be forgotten.
    """

    def __init__(
        self, journal: Journal, clock: Clock, secrets: SecretSource, on_change: Callable[[], None] = _nothing
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._secrets = secrets
        self._changing = asyncio.Lock()
        self._on_change = on_change

    async def verify(self, secret: str) -> Caller | None:
        """Return the owner of this key. Returns None if there is no such key, or if it is revoked or expired."""
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
        """Store the operator's admin key. Another secret replaces it; a revoked key stays revoked."""
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
        """Create a key. Keys of one principal share what it owns; without `principal`, the key gets one of its name.

        Raises ValidationError (a key with `delegate` needs a rate and a quota, too), IdempotencyError.
        """
        now = self._clock.now()
        secret = self._new_secret()
        expires = _expiry(now, ttl_seconds)
        row = self._row(checked_name(name), checked_scopes(scopes), secret, principal, expires, now)
        row = _limited(row, checked_limits(limits))
        check_delegate(row.scopes, limits)
        async with self._changing:
            saved = await self._save(row, now, claim=claim)
        return NewKey(await self._known(saved.key_id), None) if saved.replayed else NewKey(row, secret)

    async def list(self) -> Sequence[ApiKeyRow]:
        """Return all keys, the revoked and expired ones included, in the order of their ids."""
        return await self._journal.api_keys()

    async def revoke(self, id: str, claim: IdempotencyClaim | None = None) -> ApiKeyRow:
        """Make a key invalid at once. Revoking it again changes nothing. Raises NotFoundError, IdempotencyError."""
        async with self._changing:
            row = await self._known(id)
            now = self._clock.now()
            await self._save(msgspec.structs.replace(row, revoked_at=row.revoked_at or now), now, claim=claim)
        return await self._known(id)

    async def confirm(self) -> Sequence[ApiKeyRow]:
        """Confirm all keys of earlier releases, so that starts no longer list them. Returns those that are valid."""
        now = self._clock.now()
        async with self._changing:
            rows = [msgspec.structs.replace(row, confirmed=True) for row in await self.list() if not row.confirmed]
            if rows:
                await self._save(rows[0], now, *rows[1:])
        return [row for row in rows if usable(row, now)]

    async def rotate(self, id: str, grace_seconds: float = 0, claim: IdempotencyClaim | None = None) -> NewKey:
        """Create a key with the same name, principal, scopes, limits and lifetime; the old one ends after the grace.

        Raises NotFoundError, StateError (`key_ended`), ValidationError, IdempotencyError.
        """
        async with self._changing:
            old, now = await self._known(id), self._clock.now()
            if (earlier := await self._replayed_key(claim)) is not None:
                return NewKey(await self._known(earlier), None)
            if not usable(old, now):
                raise StateError("This key is revoked or expired. Create a new one.", code="key_ended")
            secret = self._new_secret()
            expires = None if old.expires_at is None else now + old.expires_at - old.created_at
            new = self._row(old.name, old.scopes, secret, old.principal, expires, now)
            new = _limited(new, KeyLimits(old.rate, old.quota))
            new = msgspec.structs.replace(new, line=old.line or old.id, confirmed=old.confirmed)
            await self._save(new, now, _ending(old, now, grace_seconds), claim=claim)
        return NewKey(new, secret)

    async def _known(self, id: str) -> ApiKeyRow:
        row = await self._journal.api_key(id)
        if row is None:
            raise NotFoundError(f"There is no key {id!r}. `journeyman keys list` shows the ids.")
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
            confirmed=True,
        )

    async def _replayed_key(self, claim: IdempotencyClaim | None) -> str | None:
        """Return the id of the key that an earlier request with this claim made; None if the request is new.

        Rotation needs this before its own checks: after the first request the old key has ended.
        """
        if claim is None:
            return None
        first = await self._journal.claim(claim.principal, claim.route, claim.key)
        return replayed_result(first, claim, self._clock.now())

    async def _save(self, row: ApiKeyRow, now: int, *more: ApiKeyRow, claim: IdempotencyClaim | None = None) -> _Saved:
        """Store a key, and with it others that it changes, unless an earlier request with this claim has done so."""
        if claim is not None:
            claim = msgspec.structs.replace(claim, made=row.id)
        committed = await self._journal.commit(Batch(at=now, appends=(), api_keys=(row, *more), claim=claim))
        self._on_change()
        return _Saved(row.id) if committed.replay is None else _Saved(committed.replay, replayed=True)


def _limited(row: ApiKeyRow, limits: KeyLimits) -> ApiKeyRow:
    return msgspec.structs.replace(row, rate=limits.rate, quota=limits.quota)


def _expiry(now: int, ttl_seconds: float | None) -> int | None:
    if ttl_seconds is None:
        return None
    if not 1 <= ttl_seconds <= 3_660 * 86_400:
        raise ValidationError("A key is valid for at least one second and at most ten years.")
    return now + int(ttl_seconds * MICROSECONDS)


def _ending(row: ApiKeyRow, now: int, grace_seconds: float) -> ApiKeyRow:
    if not 0 <= grace_seconds <= 30 * 86_400:
        raise ValidationError("The old key may stay valid for at most 30 days.")
    if grace_seconds == 0:
        return msgspec.structs.replace(row, revoked_at=now)
    end = now + int(grace_seconds * MICROSECONDS)
    return msgspec.structs.replace(row, expires_at=end if row.expires_at is None else min(end, row.expires_at))

"""The verification cache: callers by the hash of a credential that was verified before."""

from __future__ import annotations

from journeyman.auth.principal import Caller

MOST_ENTRIES = 1024
LIFETIME_US = 60_000_000


class VerificationCache:
    """A bounded cache of verified credentials. It holds their hashes, never the credentials.

    A verification that began before a `clear` is not stored after it, so that no race brings a revoked key back.
    Entries live for at most a minute, so that a token ends when its issuer has withdrawn the key.
    """

    def __init__(self) -> None:
        self._callers: dict[bytes, tuple[Caller, int]] = {}
        self.generation = 0

    def get(self, digest: bytes, now: int) -> Caller | None:
        """Return the caller with this credential hash; None if it is not cached or has expired."""
        found = self._callers.get(digest)
        if found is None:
            return None
        if found[1] <= now:
            del self._callers[digest]
            return None
        return found[0]

    def put(self, digest: bytes, caller: Caller, generation: int, now: int) -> None:
        """Store a caller, unless the cache was cleared since `generation`. The oldest entry makes room."""
        if generation != self.generation:
            return
        if len(self._callers) >= MOST_ENTRIES:
            del self._callers[next(iter(self._callers))]
        until = now + LIFETIME_US
        self._callers[digest] = caller, until if caller.expires_at is None else min(until, caller.expires_at)

    def clear(self) -> None:
        """Remove all entries, and reject those that are being verified now."""
        self.generation += 1
        self._callers.clear()

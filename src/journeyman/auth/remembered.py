"""Credentials that were verified before, by their hash: what makes the second request cheap."""

from __future__ import annotations

from journeyman.auth.principal import Caller

MOST = 1024
KEPT = 60_000_000  # µs


class VerificationCache:
    """Bounded; the oldest goes first. Holds hashes of credentials, never the credentials.

    What was looked up before a `forget` is not kept after it: a revoked key does not come back by a race. Nothing is
    kept for longer than a minute, so that a key that its issuer withdrew ends too.
    """

    def __init__(self) -> None:
        self._callers: dict[bytes, tuple[Caller, int]] = {}
        self.generation = 0

    def get(self, digest: bytes, now: int) -> Caller | None:
        found = self._callers.get(digest)
        if found is None:
            return None
        if found[1] <= now:
            del self._callers[digest]
            return None
        return found[0]

    def put(self, digest: bytes, caller: Caller, generation: int, now: int) -> None:
        if generation != self.generation:
            return
        if len(self._callers) >= MOST:
            del self._callers[next(iter(self._callers))]
        until = now + KEPT
        self._callers[digest] = caller, until if caller.expires_at is None else min(until, caller.expires_at)

    def forget(self) -> None:
        self.generation += 1
        self._callers.clear()

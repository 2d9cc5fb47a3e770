"""The cache of tool results: which ones are kept, for whom and for how long."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from journeyman.clock import Clock, Timer
from journeyman.masking import Mask
from journeyman.tools.cache.stores import CacheEntry, CacheStore
from journeyman.tools.spec import CallRequest

SWEEP_SECONDS = 60.0  # how long an expired result may still take up room


class ToolCache:
    """The results of calls with effects `none`, kept in a store.

    `default_ttl` (seconds) is what `cache_ttl: default` means. A result that contains one of `secrets` is not kept.
    """

    def __init__(self, store: CacheStore, clock: Clock, default_ttl: float, secrets: Sequence[str] = ()) -> None:
        self._store = store
        self._clock = clock
        self._default_ttl = default_ttl
        self._secrets: tuple[str, ...] = ()
        self.learn(secrets)
        self._timer: Timer | None = None

    def learn(self, secrets: Sequence[str]) -> None:
        """Add secrets: a result that contains one of them is not kept."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *(secret for secret in secrets if secret))))
        self._mask = Mask(self._secrets)

    async def get(self, request: CallRequest) -> str | None:
        """Return the cached result of the same call; None if there is none or it has expired."""
        return await self._store.get(_key(request), self._clock.now())

    def put(self, request: CallRequest, text: str) -> None:
        """Cache the result of a successful call, if it may be cached. Does not wait until it is stored."""
        ttl = self._default_ttl if request.spec.policy.cache_ttl == "default" else request.spec.policy.cache_ttl
        if ttl <= 0 or any(secret in text for secret in self._secrets) or self._mask(text) != text:
            return
        self._store.put(
            _key(request),
            CacheEntry(tool=request.spec.name, text=text, expires=self._clock.now() + int(ttl * 1_000_000)),
        )
        if self._timer is None:
            self._timer = self._clock.call_later(SWEEP_SECONDS, self._sweep)

    def figures(self) -> dict[str, int]:
        """Return the number of cached results and their size in bytes."""
        return self._store.figures()

    async def clear(self, tool: str) -> int:
        """Delete every cached result of a tool. Returns how many there were."""
        return await self._store.clear(tool, self._clock.now())

    async def aclose(self) -> None:
        """Stop the timer and close the store; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        await self._store.aclose()

    def _sweep(self) -> None:
        left = self._store.sweep(self._clock.now())
        self._timer = self._clock.call_later(SWEEP_SECONDS, self._sweep) if left else None


def _key(request: CallRequest) -> bytes:
    """Return a hash of all that the result may depend on: code, arguments, permissions, and whom it is cached for."""
    spec, policy = request.spec, request.spec.policy
    owner = {"principal": request.principal, "agent": request.agent, "shared": ""}[policy.cache_scope]
    limits = (policy.output_cap, policy.permissions, policy.cache_scope)
    parts = (spec.name, spec.code_hash, *limits, owner, request.arguments)
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).digest()

"""Answers of tools that change nothing, kept for a while: what may be kept, for whom, and for how long."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from journeyman.clock import Clock, Timer
from journeyman.masking import Mask
from journeyman.tools.cache.stores import CacheEntry, CacheStore
from journeyman.tools.spec import CallRequest

SWEEP_SECONDS = 60.0  # how long an expired answer may still take room


class ToolCache:
    """`default_ttl` (seconds) is what `cache_ttl: default` means. An answer that holds one of `secrets` is not kept."""

    def __init__(self, store: CacheStore, clock: Clock, default_ttl: float, secrets: Sequence[str] = ()) -> None:
        self._store = store
        self._clock = clock
        self._default_ttl = default_ttl
        self._secrets: tuple[str, ...] = ()
        self.learn(secrets)
        self._timer: Timer | None = None

    def learn(self, secrets: Sequence[str]) -> None:
        """Keep no answer that holds one of these either."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *(secret for secret in secrets if secret))))
        self._mask = Mask(self._secrets)

    async def get(self, request: CallRequest) -> str | None:
        """The answer to the same call, if one is kept and has not expired."""
        return await self._store.get(_key(request), self._clock.now())

    def put(self, request: CallRequest, text: str) -> None:
        """Keep the answer of a call that succeeded; does not wait until it is stored."""
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
        """How many answers are kept, and their size."""
        return self._store.figures()

    async def clear(self, tool: str) -> int:
        """Forget every answer of a tool; how many there were."""
        return await self._store.clear(tool, self._clock.now())

    async def aclose(self) -> None:
        """Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        await self._store.aclose()

    def _sweep(self) -> None:
        left = self._store.sweep(self._clock.now())
        self._timer = self._clock.call_later(SWEEP_SECONDS, self._sweep) if left else None


def _key(request: CallRequest) -> bytes:
    """Whatever the answer may depend on: code, arguments, what it may reach, and for whom it was."""
    spec, policy = request.spec, request.spec.policy
    whose = {"principal": request.principal, "agent": request.agent, "shared": ""}[policy.cache_scope]
    parts = (
        spec.name,
        spec.code_hash,
        policy.output_cap,
        policy.permissions,
        policy.cache_scope,
        whose,
        request.arguments,
    )
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).digest()

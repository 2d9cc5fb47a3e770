"""What may be used at one time and in a day, of a key, a principal or an agent."""

from __future__ import annotations

import msgspec


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """None: no limit. Tokens are those of prompts and answers together."""

    tokens_per_day: int | None = None
    usd_per_day: float | None = None
    concurrent_runs: int | None = None

    @property
    def is_daily(self) -> bool:
        """Does it bound what is used in a day?"""
        return self.tokens_per_day is not None or self.usd_per_day is not None


UNLIMITED = Quota()


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was set aside for a model call before it was made, of every budget that pays for it."""

    budgets: tuple[str, ...]  # `principal:NAME`, `key:ID`, `agent:NAME`
    day: int  # since 1970-01-01, UTC: when it was set aside
    tokens: int  # an estimate, as are the dollars
    cost_usd: float = 0.0

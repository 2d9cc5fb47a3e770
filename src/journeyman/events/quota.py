"""Quotas of a key, a principal or an agent, and what is reserved of them."""

from __future__ import annotations

import msgspec


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """Limits of use. None means no limit. Tokens are those of prompts and answers together."""

    tokens_per_day: int | None = None
    usd_per_day: float | None = None
    concurrent_runs: int | None = None

    @property
    def is_daily(self) -> bool:
        """Whether it limits the use of a day."""
        return self.tokens_per_day is not None or self.usd_per_day is not None


UNLIMITED = Quota()


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was reserved for a model call before it was made, of every budget that pays for it."""

    budgets: tuple[str, ...]  # `principal:NAME`, `key:ID`, `agent:NAME`
    day: int  # days since 1970-01-01, UTC, when it was reserved
    tokens: int  # an estimate, like `cost_usd`
    cost_usd: float = 0.0

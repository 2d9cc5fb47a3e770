"""What may be used at one time and in a day, of a key, a principal or an agent."""

from __future__ import annotations

import msgspec


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """None: no limit. Tokens are those of prompts and answers together."""

    tokens_per_day: int | None = None
    usd_per_day: float | None = None
    concurrent_runs: int | None = None


UNLIMITED = Quota()

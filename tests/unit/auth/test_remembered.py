from __future__ import annotations

from journeyman.auth.principal import Caller
from journeyman.auth.remembered import MOST_ENTRIES, VerificationCache


def test_the_cache_is_bounded() -> None:
    cache = VerificationCache()
    for number in range(MOST_ENTRIES + 10):
        cache.put(b"%d" % number, Caller(principal="p", scopes=frozenset()), 0, 0)
    assert sum(cache.get(b"%d" % number, 0) is not None for number in range(MOST_ENTRIES + 10)) == MOST_ENTRIES

from __future__ import annotations

from journeyman.auth.principal import Caller
from journeyman.auth.remembered import MOST, VerificationCache


def test_what_is_remembered_is_bounded() -> None:
    remembered = VerificationCache()
    for number in range(MOST + 10):
        remembered.put(b"%d" % number, Caller(principal="p", scopes=frozenset()), 0, 0)
    assert sum(remembered.get(b"%d" % number, 0) is not None for number in range(MOST + 10)) == MOST

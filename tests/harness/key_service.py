"""API keys over a journal in memory, with the authenticator that checks them."""

from __future__ import annotations

import pytest

from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.authenticator import Authenticator
from journeyman.auth.limits import KeyLimits
from journeyman.auth.remembered import VerificationCache
from journeyman.clock import ManualClock
from journeyman.errors import (
    UnauthenticatedError,
)
from journeyman.events.quota import Quota
from journeyman.ids import RandomSecretSource
from journeyman.journal.memory import MemoryJournal

BOUNDED = KeyLimits("1000/60s", Quota(concurrent_runs=1000))  # a key with `delegate` needs limits


class KeyService:
    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.clock = ManualClock()
        self.remembered = VerificationCache()
        self.keys = ApiKeys(self.journal, self.clock, RandomSecretSource(), self.remembered.clear)
        self.door = Authenticator(self.keys, None, self.remembered, self.clock)

    async def refused(self, credential: str) -> str:
        with pytest.raises(UnauthenticatedError) as raised:
            await self.door.authenticate(credential)
        return raised.value.message

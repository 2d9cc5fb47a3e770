"""API keys over a journal in memory, with the authenticator that checks them."""

from __future__ import annotations

import pytest

from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.authenticator import Authenticator
from journeyman.auth.remembered import VerificationCache
from journeyman.clock import ManualClock
from journeyman.errors import (
    UnauthenticatedError,
)
from journeyman.ids import RandomSecretSource
from journeyman.journal.memory import MemoryJournal


class KeyService:
    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.clock = ManualClock()
        self.remembered = VerificationCache()
        self.keys = ApiKeys(self.journal, self.clock, RandomSecretSource())
        self.keys.changed = self.remembered.forget
        self.door = Authenticator(self.keys, None, self.remembered, self.clock)

    async def refused(self, credential: str) -> str:
        with pytest.raises(UnauthenticatedError) as raised:
            await self.door.caller(credential)
        return raised.value.message

"""The API with authentication: one key for each scope, and what a request with it needs."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from journeyman.api.app import build_app
from journeyman.api.dependencies import RequestLimits
from journeyman.api.security import scopes as access
from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.authenticator import Authenticator
from journeyman.auth.limits import DELEGATE, NO_LIMITS
from journeyman.auth.principal import SCOPES
from journeyman.auth.remembered import VerificationCache
from journeyman.clock import ManualClock
from journeyman.ids import RandomSecretSource
from journeyman.journal.memory import MemoryJournal
from journeyman.web.pages import pages
from tests.harness.fake_use_cases import FakeRuns, make_ports
from tests.harness.key_service import BOUNDED


class Inside:
    """Debug pages that show nothing."""

    def state(self) -> msgspec.Raw:
        return msgspec.Raw(b"{}")

    services = tasks = state


class SecuredApp:
    """An application that asks who calls, and a key for each scope."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        remembered = VerificationCache()
        self.keys = ApiKeys(MemoryJournal(), self.clock, RandomSecretSource(), remembered.clear)
        self.ports = make_ports(
            clock=self.clock,
            keys=self.keys,
            authenticator=Authenticator(self.keys, None, remembered, self.clock),
            pages=pages(Path("/nowhere")),  # not built
            debug=Inside(),
            limits=RequestLimits(socket_auth_seconds=0.05),
        )
        assert isinstance(self.ports.runs, FakeRuns)
        self.runs = self.ports.runs
        self.app = build_app(self.ports)
        self.secrets: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    async def open(self) -> SecuredApp:
        for scope in SCOPES:
            new = await self.keys.create(scope, [scope], limits=BOUNDED if scope == DELEGATE else NO_LIMITS)
            self.secrets[scope], self.ids[scope] = new.secret, new.row.id
        return self

    def bearer(self, scope: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secrets[scope]}"}


ALL = [(method, path, scope) for (method, path), scope in access.ROUTES.items() if method != "WS"]


GUARDED = [(method, path, scope) for method, path, scope in ALL if scope not in (access.OPEN, access.ANY)]


def filled(path: str) -> str:
    return re.sub(r"\{\w+(:path)?\}", "x", path)


async def turn(secured: SecuredApp, seconds: float) -> None:
    import asyncio

    for _ in range(5):
        await asyncio.sleep(0)
    secured.clock.advance(seconds)
    for _ in range(5):
        await asyncio.sleep(0)

"""A whole application in memory that asks who calls, with two tenants; the journal's queries are counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from journeyman.api.app import build_app
from journeyman.journal.memory import MemoryJournal
from journeyman.server.application import Application
from journeyman.server.composition import build
from journeyman.server.serving.app import api_dependencies
from journeyman.settings import Settings
from tests.harness.asgi_client import Answer, request

AGENT = """\
type: react_agent
name: support
prompt: Help.
model: script:turns.yaml
tools:
  - name: get_username
    approval: always
"""
TURNS = """\
- {when: "ask", tool_calls: [{name: get_username, arguments: {}}]}
- {when: "break", error: auth}
- text: "Your name is no secret to you."
"""
SEED = "seed-of-the-first-admin-key-0123456789"


class CountedJournal(MemoryJournal):
    """Which of its methods were called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("_") and callable(found):
            super().__getattribute__("calls").append(name)
        return found


class MultiTenantApp:
    def __init__(self, application: Application, app: Any, journal: CountedJournal) -> None:
        self.application = application
        self.app = app
        self.journal = journal
        self.keys: dict[str, str] = {}

    async def ask(
        self, who: str, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        given = {"authorization": f"Bearer {self.keys[who]}", **(headers or {})}
        return await request(self.app, method, path, json=json, headers=given)

    async def queries(self, who: str, method: str, path: str, json: Any = None) -> tuple[Answer, list[str]]:
        """The answer, and what the journal was asked for it."""
        self.journal.calls.clear()
        answer = await self.ask(who, method, path, json)
        return answer, list(self.journal.calls)


@asynccontextmanager
async def multi_tenant_app(folder: Path, tenants: Mapping[str, str]) -> AsyncIterator[MultiTenantApp]:
    """`tenants`: name -> its scopes, separated by spaces. `root` is the seeded admin key."""
    (folder / "agent.yaml").write_text(AGENT)
    (folder / "turns.yaml").write_text(TURNS * 50)
    settings = Settings.read(env_file=None, database_url="memory://", auth_mode="required", api_key=SEED)
    journal = CountedJournal()
    application = await build(settings, folder / "agent.yaml", journal=journal)
    async with application:
        made = MultiTenantApp(application, build_app(api_dependencies(application)), journal)
        made.keys["root"] = SEED
        for name, scopes in tenants.items():
            made.keys[name] = (await application.authentication.keys.create(name, scopes.split())).secret or ""
        yield made

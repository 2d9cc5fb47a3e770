"""Agents in the caller's own process: they ignore AUTH_MODE, and whatever happens, the journal's lock is freed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from journeyman import AgentFactory, create_app
from journeyman.errors import ConfigurationError
from journeyman.events.codec import Codec
from journeyman.events.events import RunAccepted
from journeyman.events.messages import user
from journeyman.journal.journal import Append, Batch, StoredDefinition
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.testing import ScriptedModel
from tests.harness.asgi_client import request

AGENT: dict[str, Any] = {"type": "react_agent", "name": "a", "prompt": "Hi.", "model": "offline"}


class LeakyModel(ScriptedModel):
    """A model whose close raises."""

    async def aclose(self) -> None:
        await super().aclose()
        raise RuntimeError("the connection is stuck")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'journal.db'}")
    return tmp_path / "journal.db"


async def lock_is_free(file: Path) -> bool:
    journal = SqliteJournal(file)
    await journal.open()
    await journal.close()
    return True


async def test_an_agent_in_process_ignores_auth_mode_and_frees_the_lock(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_MODE", "required")
    agent = await AgentFactory(AGENT, models=ScriptedModel([{"text": "Hello."}])).create_agent()
    assert (await agent.run("hi")).response == "Hello."
    await agent.aclose()
    assert await lock_is_free(file)


async def test_a_model_whose_close_raises_does_not_keep_the_lock(file: Path) -> None:
    agent = await AgentFactory(AGENT, models=LeakyModel([{"text": "Hello."}])).create_agent()
    assert (await agent.run("hi")).response == "Hello."
    with pytest.raises(RuntimeError, match="stuck"):
        await agent.aclose()
    assert await lock_is_free(file)


@pytest.mark.parametrize("mounted", [False, True])
async def test_a_served_application_refuses_to_start_where_nobody_could_call(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounted: bool
) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: a\nprompt: Hi.\nmodel: offline\n")
    app = create_app(tmp_path / "agent.yaml", auth_mode="required")
    with pytest.raises(ConfigurationError, match="AUTH_MODE=required, but there is no key"):
        await (request(app, "GET", "/livez") if mounted else app.start())
    assert await lock_is_free(file)
    await app.stop()


async def left_under_way(file: Path, agent: Path) -> str:
    """Return a run of this agent that an earlier process accepted and did not finish."""
    app = create_app(agent)
    await app.start()
    assert app.application is not None
    served = app.application.agents.agents["a"]
    await app.stop()
    journal = SqliteJournal(file)
    await journal.open()
    accepted = RunAccepted(
        thread="local/t", principal="local", agent="a", version=served.version, input=user("Anybody?")
    )
    append = Append(stream="run_left", drafts=(Codec().draft(accepted),))
    definition = StoredDefinition(served.version, served.spec.encode())
    await journal.commit(Batch(at=1, appends=(append,), definitions=(definition,), epoch=journal.epoch))
    await journal.close()
    return "run_left"


async def test_a_mounted_application_resumes_runs_without_a_request(file: Path, tmp_path: Path) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text("type: react_agent\nname: a\nprompt: Hi.\nmodel: offline\n")
    run = await left_under_way(file, agent)
    agents = create_app(agent)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await agents.start()
        yield
        await agents.stop()

    app = FastAPI(lifespan=lifespan)
    app.mount("/agents", agents)
    async with app.router.lifespan_context(app), asyncio.timeout(20):
        assert agents.application is not None
        while (row := await agents.application.journal.run(run)) is None or row.status != "finished":
            await asyncio.sleep(0)
    assert await lock_is_free(file)


async def test_an_agent_without_a_tool_of_a_broken_file_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "orders.py").write_text("def order(: pass\n")
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\ntools: [order]\n")
    with pytest.raises(ConfigurationError, match="the tool order is unknown"):
        await AgentFactory(tmp_path / "agent.yaml").create_agent()

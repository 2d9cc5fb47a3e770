"""Agents in the caller's own process: they ignore AUTH_MODE, and whatever happens, the journal's lock is freed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman import AgentFactory, create_app
from journeyman.errors import ConfigurationError
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

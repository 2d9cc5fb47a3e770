"""What the pages claim and no snippet shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest
from fastapi import FastAPI

from journeyman import AgentFactory, create_app
from journeyman.journal.sqlite.journal import SqliteJournal
from tests.docs.test_snippets import DOCS, loose
from tests.harness.asgi_client import request

AGENT = {"type": "react_agent", "model": "offline"}


async def test_a_copy_made_beside_a_running_server_is_a_whole_journal(tmp_path: Path) -> None:
    """reference/journal.md, Backup."""
    agent = await AgentFactory(AGENT, journal=SqliteJournal(tmp_path / "journeyman.db")).create_agent()
    result = await agent.run("Hello")
    beside = apsw.Connection(str(tmp_path / "journeyman.db"), flags=apsw.SQLITE_OPEN_READONLY)
    beside.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    beside.close()
    await agent.aclose()

    copy = SqliteJournal(tmp_path / "backup.db")
    await copy.open()
    row = await copy.run(result.run_id)
    await copy.close()

    assert row is not None
    assert row.status == "finished"


async def test_the_event_log_can_be_read_with_any_tool(tmp_path: Path) -> None:
    """reference/journal.md, Streams, events, rows."""
    agent = await AgentFactory(AGENT, journal=SqliteJournal(tmp_path / "journeyman.db")).create_agent()
    await agent.run("Hello")
    await agent.aclose()

    db = apsw.Connection(str(tmp_path / "journeyman.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = list(db.execute("SELECT seq, type, json_extract(data, '$.agent') FROM event_log ORDER BY id"))
    db.close()

    assert rows[0] == (1, "run_accepted", "agent")
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))


async def test_the_mounted_server_of_the_page_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """how-to/embed-in-an-app.md, with its lifespan."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\n")
    namespace: dict[str, Any] = {}
    exec(loose(DOCS / "how-to/embed-in-an-app.md", "python")[0], namespace)
    app = namespace["app"]
    async with app.router.lifespan_context(app):
        answer = await request(app, "POST", "/agents/process", json={"user_input": "Hello"})
    assert (answer.status, answer.json()["status"]) == (200, "finished")


async def test_a_mounted_server_answers_without_a_lifespan(tmp_path: Path) -> None:
    """how-to/embed-in-an-app.md."""
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\n")
    agents = create_app(tmp_path / "agent.yaml", database_url="memory://")
    app = FastAPI()
    app.mount("/agents", agents)

    ready = await request(app, "GET", "/agents/readyz")
    answer = await request(app, "POST", "/agents/process", json={"user_input": "Hello"})
    await agents.stop()

    assert ready.status == 200
    assert answer.status == 200
    assert answer.json()["status"] == "finished"

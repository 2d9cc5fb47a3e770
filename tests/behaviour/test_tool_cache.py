from __future__ import annotations

from pathlib import Path

import pytest

from journeyman import create_app
from tests.harness.asgi_client import request as ask
from tests.unit.tools.cache.test_cache import look

TOOLS = """
from journeyman import tool

seen = []

@tool(effects="none", cache_ttl=60)
async def look(word: str) -> str:
    \"\"\"Look a word up.\"\"\"
    seen.append(word)
    if word == "bad":
        raise ValueError("no such word")
    return f"{word} {len(seen)}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "look.py").write_text(TOOLS)
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\ntools: [look]\n")
    return tmp_path


async def test_a_hit_is_shown_starts_nothing_and_outlives_a_restart(folder: Path) -> None:
    database = f"sqlite:///{folder}/j.db"
    app = create_app(folder / "agent.yaml", database_url=database)
    first, second = await look(app, "tea"), await look(app, "tea")
    assert (first["response"], first["cached"]) == ("tea 1", False)
    assert (second["response"], second["cached"]) == ("tea 1", True)
    assert [(await look(app, "bad"))["cached"] for _ in range(2)] == [False, False]
    events = (await ask(app, "GET", f"/runs/{second['run_id']}/events")).json()["items"]
    calls = [event for event in events if event["type"].startswith("tool_call")]
    assert [(event["type"], event["data"].get("cached")) for event in calls] == [("tool_call_finished", True)]
    assert (await ask(app, "GET", "/tools/look")).json()["metrics"]["cache_hits"] == 1
    await app.stop()

    app = create_app(folder / "agent.yaml", database_url=database)
    assert (await look(app, "tea"))["cached"] is True
    assert (await ask(app, "DELETE", "/tools/look/cache")).json() == {"cleared": 1}
    assert (await ask(app, "DELETE", "/tools/none/cache")).status == 404
    assert (await look(app, "tea"))["cached"] is False
    await app.stop()


async def test_the_switch_stops_every_cache(folder: Path) -> None:
    app = create_app(folder / "agent.yaml", database_url="memory://", enable_cache=False)
    assert [(await look(app, "tea"))["cached"] for _ in range(2)] == [False, False]
    assert (await ask(app, "DELETE", "/tools/look/cache")).json() == {"cleared": 0}
    await app.stop()

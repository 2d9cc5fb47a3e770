"""Conversations of OpenAI clients: of different tenants, and over a restart of the server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from journeyman.api.app import build_app
from journeyman.server.composition import build
from journeyman.server.serving.app import api_dependencies
from journeyman.settings import Settings
from tests.harness.asgi_client import Answer, request
from tests.harness.multi_tenant_app import multi_tenant_app

PATH = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]


def more(answer: Answer) -> list[dict[str, Any]]:
    """The conversation as the client sends it back, with another message."""
    return [*HELLO, answer.json()["choices"][0]["message"], {"role": "user", "content": "and now?"}]


async def test_the_conversation_of_another_tenant_is_unknown(tmp_path: Path) -> None:
    async with multi_tenant_app(tmp_path, {"ann": "run read", "bob": "run read"}) as made:
        first = await made.ask("ann", "POST", PATH, {"model": "support", "messages": HELLO})
        body = {"model": "support", "messages": more(first)}
        theirs = await made.ask("bob", "POST", PATH, body)
        hers = await made.ask("ann", "POST", PATH, body)
        assert hers.headers["x-thread-id"] == first.headers["x-thread-id"] != theirs.headers["x-thread-id"]
        assert (await made.ask("bob", "GET", f"/runs/{first.headers['x-run-id']}")).status == 404
        chat = {"x-openwebui-chat-id": "c1"}
        for who in ("ann", "bob"):
            answer = await made.ask(who, "POST", PATH, {"model": "support", "messages": HELLO}, chat)
            assert answer.headers["x-thread-id"] == "c1"
            assert len((await made.ask(who, "GET", "/threads/c1/runs")).json()["items"]) == 1


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[Any]:
    settings = Settings.read(env_file=None, database_url=f"sqlite:///{folder / 'j.db'}")
    application = await build(settings, folder / "agent.yaml")
    async with application:
        yield build_app(api_dependencies(application))


async def test_a_conversation_goes_on_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: support\nprompt: Help.\nmodel: offline\n")
    local = {"host": "localhost"}
    async with server(tmp_path) as app:
        first = await request(app, "POST", PATH, json={"model": "support", "messages": HELLO}, headers=local)
        assert first.status == 200, first.text
    async with server(tmp_path) as app:
        body = {"model": "support", "messages": more(first), "stream": True}
        second = await request(app, "POST", PATH, json=body, headers=local)
    assert second.headers["x-thread-id"] == first.headers["x-thread-id"]
    events = [line[6:] for line in second.text.split("\n\n") if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert "".join(json.loads(each)["choices"][0]["delta"].get("content", "") for each in events[:-1])

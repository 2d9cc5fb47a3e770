"""Requirement (issue 10, item 10): agents use several gateways, each with its key, and a key goes nowhere else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from journeyman.events.messages import user
from journeyman.runtime.use_cases.requests import StartRun
from journeyman.server.application import Application
from journeyman.server.composition import build
from journeyman.settings import Settings

KEYS = {"MAIN": "sk-main-1234567", "AZURE": "sk-azure-1234567", "GOOGLE": "sk-google-1234567"}
GOOGLE = """gateways:
  google: {url: "GOOGLE/v1", key: "${GOOGLE_KEY}", query: key}
"""
AZURE = """gateways:
  azure: {url: "AZURE/o/chat/completions?api-version=1", key: "${AZURE_KEY}", header: api-key}
"""
AGENTS = {
    "plain": "model: gpt-5\n",
    "azure": "model: {name: deploy, gateway: azure}\n",
    "google": "model: {name: gemini, gateway: google}\n" + GOOGLE,
    "defines": "model: offline\n" + AZURE,
}


class Peer:
    """A gateway that records what it is sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((str(request.rel_url), headers, await request.json()))
        return web.json_response({"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]})


@pytest.fixture
async def peers() -> AsyncIterator[dict[str, tuple[Peer, str]]]:
    async with AsyncExitStack() as stack:
        found = {}
        for name in KEYS:
            peer = Peer()
            app = web.Application()
            app.router.add_post("/{path:.*}", peer.answer)
            server = await stack.enter_async_context(TestServer(app))
            found[name] = (peer, str(server.make_url("")).rstrip("/"))
        yield found


def write(folder: Path, urls: dict[str, str]) -> None:
    for name, text in AGENTS.items():
        for peer, url in urls.items():
            text = text.replace(f'"{peer}/', f'"{url}/')
        (folder / f"{name}.yaml").write_text(f"type: react_agent\n{text}")


async def ask(application: Application, agent: str) -> str:
    started = await application.runs.start("local", StartRun(input=user("hi"), agent=agent))
    result = await application.runs.wait(started.run_id, 30)
    assert result.error is None
    return result.response


async def test_each_agent_asks_its_gateway_with_its_key(
    tmp_path: Path, peers: dict[str, tuple[Peer, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(f"{name}_KEY", key)
    write(tmp_path, {name: url for name, (_, url) in peers.items()})
    main = peers["MAIN"][1]
    settings = Settings.read(
        env_file=None, database_url="memory://", litellm_gateway_url=f"{main}/v1", litellm_gateway_api_key=KEYS["MAIN"]
    )
    async with await build(settings, tmp_path) as application:
        for agent in ("plain", "azure", "google"):
            assert await ask(application, agent) == "hello"
        assert set(KEYS.values()) <= set(application.secrets.values)
        write(tmp_path, {name: url for name, (_, url) in peers.items()} | {"AZURE": f"{peers['AZURE'][1]}/moved"})
        assert (await application.reloader.reload()).applied
        assert await ask(application, "azure") == "hello"
    sent = {name: peer.requests for name, (peer, _) in peers.items()}
    assert [path for path, _, _ in sent["AZURE"]] == [
        "/o/chat/completions?api-version=1",
        "/moved/o/chat/completions?api-version=1",
    ]
    assert sent["AZURE"][0][1]["api-key"] == KEYS["AZURE"]
    assert sent["MAIN"][0][1]["authorization"] == f"Bearer {KEYS['MAIN']}"
    assert sent["GOOGLE"][0][0] == f"/v1/chat/completions?key={KEYS['GOOGLE']}"
    for name, requests in sent.items():
        assert not [key for other, key in KEYS.items() if other != name and key in str(requests)]


async def test_the_openai_variables_are_the_gateway_of_a_model_that_is_named(
    tmp_path: Path, peers: dict[str, tuple[Peer, str]]
) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: plain\nmodel: gpt-5\n")
    peer, url = peers["MAIN"]
    settings = Settings.read(
        env_file=None, database_url="memory://", openai_base_url=f"{url}/v1", openai_api_key=KEYS["MAIN"]
    )
    async with await build(settings, tmp_path / "agent.yaml") as application:
        assert await ask(application, "plain") == "hello"
        assert KEYS["MAIN"] in application.secrets.values
    assert peer.requests[0][1]["authorization"] == f"Bearer {KEYS['MAIN']}"


@pytest.mark.parametrize("base", [None, "http://127.0.0.1:9/v1"])
async def test_without_a_model_the_openai_variables_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str | None
) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("a connection was made")

    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: plain\n")
    settings = Settings.read(env_file=None, database_url="memory://", openai_base_url=base, openai_api_key=KEYS["MAIN"])
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    async with await build(settings, tmp_path / "agent.yaml") as application:
        assert "offline model" in await ask(application, "plain")
        assert application.problems == ()


def ready_line(folder: Path, **environment: str) -> str:
    """Start a server with these variables, and return its ready line."""
    command = [sys.executable, "-m", "journeyman", "serve", "agent.yaml", "--port", "0"]
    known = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    variables = known | {"DATABASE_URL": "memory://"} | environment
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline().strip()
        server.terminate()
    return line


def test_the_ready_line_says_which_gateway_and_model_are_used(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: plain\n")
    key = {"OPENAI_API_KEY": KEYS["MAIN"]}
    assert ready_line(tmp_path, **key).endswith("(plain), models: offline")
    url = "http://ann:password@127.0.0.1:9/v1?api_key=in-the-query"
    line = ready_line(tmp_path, OPENAI_BASE_URL=url, DEFAULT_MODEL="gpt-5", **key)
    assert line.endswith("(plain), models: gpt-5 at http://127.0.0.1:9/v1")

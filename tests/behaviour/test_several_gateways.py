"""Requirement (issue 10, item 10): agents use several gateways, each with its key, and a key goes nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from journeyman.events.events import ModelCalled, ModelReplied
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
    return (await answered(application, agent))[0]


async def answered(application: Application, agent: str) -> tuple[str, list[str]]:
    """Run an agent: its answer, and the gateways that its events name."""
    started = await application.runs.start("local", StartRun(input=user("hi"), agent=agent))
    result = await application.runs.wait(started.run_id, 30)
    assert result.error is None
    events = [entry.event for entry in await application.journal.read(started.run_id)]
    return result.response, [event.gateway for event in events if isinstance(event, ModelCalled | ModelReplied)]


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
        for agent, gateway in (("plain", ""), ("azure", "azure"), ("google", "google")):
            assert await answered(application, agent) == ("hello", [gateway, gateway])
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


WATCHED = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        print("connection:", arguments[-1], file=sys.stderr, flush=True)

sys.addaudithook(watch)
from journeyman.cli import main
sys.exit(main(["serve", "agent.yaml", "--port", "0"]))
"""


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server with these variables, which reports the connections that it opens. Yields its ready line too."""
    known = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    variables = known | {"DATABASE_URL": "memory://", "LOG_LEVEL": "ERROR"} | environment
    with subprocess.Popen(
        [sys.executable, "-c", WATCHED],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield server, server.stdout.readline().strip()
        finally:
            server.terminate()


def status_of(url: str) -> str:
    """Ask the server something, and return the status of its answer; "failed" if the gateway could not be asked."""
    asked = urllib.request.Request(f"{url}/process", b'{"user_input": "hi"}', {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return str(json.load(answer)["status"])
    except HTTPError:
        return "failed"


def test_the_ready_line_says_which_gateway_and_model_are_used(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: plain\n")
    url = "http://ann:password@127.0.0.1:9/v1?api_key=in-the-query"
    given = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEYS["MAIN"], "DEFAULT_MODEL": "gpt-5"}
    with serving(tmp_path, **given) as (_, line):
        assert line.endswith("(plain), models: gpt-5 at http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, "finished"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "finished"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "DEFAULT_MODEL": "gpt-5", "MAX_RETRIES": "0"}, "failed"),
    ],
)
def test_without_a_model_the_openai_variables_make_no_connection(
    tmp_path: Path, given: dict[str, str], status: str
) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: plain\n")
    with serving(tmp_path, OPENAI_API_KEY=KEYS["MAIN"], **given) as (server, line):
        assert line.endswith("models: offline") is (status == "finished")
        assert status_of(line.split()[4]) == status
        server.terminate()
        assert server.stderr is not None
        assert ("connection:" in server.stderr.read()) is (status == "failed")

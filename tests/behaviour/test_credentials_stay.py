"""Requirement (FAULTS 4 row 25): what a caller shows at the door goes no further. Everything that leaves the process is
recorded as it came over the wire: to the gateway, to an MCP server, to an API, and by tools of both kinds."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from journeyman.api.app import build_app
from journeyman.auth.tokens import Policy, sign
from journeyman.clock import SystemClock
from journeyman.server.application import Application
from journeyman.server.composition import build
from journeyman.server.serving.app import api_dependencies
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.fake_mcp_server import FakeHttpMcpServer
from tests.harness.key_service import BOUNDED

AGENT = """\
type: react_agent
name: support
model: m
tools: [call_inline, call_from_process, crm__getCustomer, docs__echo]
services:
  shop: {match: "URL"}
openapi:
  crm: {document: crm.yaml, operations: [getCustomer], server: "URL/crm/"}
mcp_servers:
  docs: {url: "PEER", headers: {Authorization: "Bearer ${DOCS_TOKEN}"}}
"""
CRM = """\
openapi: 3.1.0
info: {title: CRM, version: 1.0.0}
paths:
  /customers/{id}:
    get: {operationId: getCustomer, parameters: [{name: id, in: path, required: true, schema: {type: string}}]}
"""
TOOLS = """\
from journeyman import BlockingToolContext, ToolContext, tool


@tool(effects="none")
async def call_inline(ctx: ToolContext) -> str:
    "Call the shop."
    return (await ctx.http.post("URL/inline", json={"who": ctx.principal})).text


@tool(effects="none")
def call_from_process(ctx: BlockingToolContext) -> str:
    "Call the shop."
    return ctx.http.post("URL/process", json={"who": ctx.principal}).text
"""
CALLS = {"call_inline": {}, "call_from_process": {}, "crm__getCustomer": {"id": "7"}, "docs__echo": {"text": "hi"}}
GATEWAY_KEY, DOCS_TOKEN, JWT_SECRET = "gateway-key-0123456789", "docs-token-0123456789", "s" * 32
POLICY = Policy(algorithm="HS256", audience="journeyman", issuer="tests")


class Outside:
    """Gateway and shop, which remember each request whole."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []  # path; head and body

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        head = "\n".join(f"{name.decode()}: {value.decode()}" for name, value in request.raw_headers)
        self.seen.append((request.path, f"{request.raw_path}\n{head}\n\n{body}"))
        if request.path != "/chat/completions":
            return web.json_response({"ok": True})
        asked = any(message["role"] == "tool" for message in json.loads(body)["messages"])
        calls = [
            {"id": name, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for name, arguments in CALLS.items()
        ]
        message = {"role": "assistant", "content": "done"} if asked else {"role": "assistant", "tool_calls": calls}
        return web.json_response({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


class Place:
    def __init__(self, application: Application, outside: Outside, peer: FakeHttpMcpServer) -> None:
        self.application = application
        self.app = build_app(api_dependencies(application))
        self._outside = outside
        self._peer = peer

    def went_out(self) -> dict[str, str]:
        """Where to -> all that was sent there."""
        found: dict[str, str] = {"/mcp": "\n".join(map(str, self._peer.requests))}
        for path, text in self._outside.seen:
            found[path] = found.get(path, "") + text
        return found


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    outside, application = Outside(), web.Application()
    application.router.add_route("*", "/{tail:.*}", outside.answer)
    monkeypatch.setenv("DOCS_TOKEN", DOCS_TOKEN)
    async with TestServer(application) as server, FakeHttpMcpServer(set()) as peer:
        url = f"http://127.0.0.1:{server.port}"
        files = {"agent.yaml": AGENT, "crm.yaml": CRM, "tools/shop.py": TOOLS}
        (tmp_path / "tools").mkdir()
        for name, text in files.items():
            (tmp_path / name).write_text(text.replace("URL", url).replace("PEER", peer.url))
        settings = Settings.read(
            env_file=None,
            database_url="memory://",
            auth_mode="required",
            tools_path=tmp_path / "tools",
            litellm_gateway_url=url,
            litellm_gateway_api_key=GATEWAY_KEY,
            jwt_secret_key=JWT_SECRET,
            jwt_audience=POLICY.audience,
            jwt_issuer=POLICY.issuer,
        )
        async with await build(settings, tmp_path / "agent.yaml") as built:
            yield Place(built, outside, peer)


def writings(credential: str) -> set[str]:
    """The credential, its secret part and each segment of a token, as they stand and in other writings."""
    parts = {credential, *(part for part in credential.replace("_", ".").split(".") if len(part) > 15)}
    encoded = {base64.b64encode(part.encode()).decode().rstrip("=") for part in parts}
    return parts | encoded | {quote(part, safe="") for part in parts}


async def _credential(place: Place, kind: str) -> str:
    if kind == "key":
        return (
            await place.application.authentication.keys.create(
                "carla", ["run", "read", "tools", "delegate"], limits=BOUNDED
            )
        ).secret
    return sign(POLICY, JWT_SECRET, "carla", ["run", "read", "tools", "delegate"], SystemClock().now(), 60)


@pytest.mark.parametrize("kind", ["key", "token"])
async def test_the_callers_credential_goes_nowhere(place: Place, kind: str) -> None:
    credential = await _credential(place, kind)
    headers = {
        "authorization": f"Bearer {credential}",
        "x-on-behalf-of": "dora",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    answer = await request(place.app, "POST", "/process", json={"user_input": "Call them all."}, headers=headers)
    assert answer.json()["response"] == "done", answer.text
    streamed = {**headers, "accept": "text/event-stream"}
    assert (
        "run_finished"
        in (await request(place.app, "POST", "/process", json={"user_input": "x"}, headers=streamed)).text
    )
    for tool, arguments in CALLS.items():
        lone = {"tool_name": tool, "arguments": arguments}
        assert (await request(place.app, "POST", "/execute_tool", json=lone, headers=headers)).status == 200

    out = place.went_out()
    assert out.keys() == {"/chat/completions", "/inline", "/process", "/crm/customers/7", "/mcp"}
    for to, text in out.items():
        assert "dora" in text or to not in ("/inline", "/process"), "what was sent is looked at"
        assert not {part for part in writings(credential) if part.lower() in text.lower()}, to


async def test_each_credential_goes_to_its_own_place_only(place: Place) -> None:
    credential = await _credential(place, "key")
    headers = {"authorization": f"Bearer {credential}"}
    await request(place.app, "POST", "/process", json={"user_input": "Call them all."}, headers=headers)
    out = place.went_out()
    assert {to for to, text in out.items() if GATEWAY_KEY in text} == {"/chat/completions"}
    assert {to for to, text in out.items() if DOCS_TOKEN in text} == {"/mcp"}
    assert not {to for to, text in out.items() if JWT_SECRET in text}

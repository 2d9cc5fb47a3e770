"""Requirement: no secret comes out. One is planted wherever a secret can stand, everything outside tells all that it
knows, every door is opened, and then every output, file and line is searched for them, in each writing.

The walk is made from the OpenAPI document and the command line's own list: a route, a parameter or a command that is
new fails here until a test covers it.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from journeyman.cli import main
from journeyman.cli.app import build_cli
from journeyman.ids import RandomIds
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from journeyman.telemetry.logs.formatters import ConsoleFormatter, JsonFormatter, LineHandler, Masker, PatternFormatter
from journeyman.telemetry.logs.setup import _bound
from tests.harness.asgi_client import Answer, request, socket, stream
from tests.harness.leaky_services import LeakyServices, leaky_services, mcp_server, said
from tests.harness.planted_secrets import ADDRESS_PASSWORD, ENVIRONMENT, SETTINGS, Sightings, known

AGENT = """\
type: react_agent
name: leaky
description: Knows ${DESCRIPTION_KEY}
prompt: "The key is ${PROMPT_KEY}; {{ context.thread.x | default('') }}"
model: {name: fake, extra: {user: "${EXTRA_KEY}"}}
tools:
  - {name: leak_env, description: "By ${DESCRIPTION_KEY}"}
  - leak_raise
  - leak_exit
  - leak_inline
  - leak_chain
  - ask_secret
  - kept
  - {name: guarded, approval: "args.text != '${CONDITION_KEY}'"}
  - http_get
mcp_servers:
  wire: {url: "URL/mcp", headers: {Authorization: "Bearer x", X-Token: "${MCP_TOKEN}"}}
  pipe: {command: COMMAND, env: {TOKEN: "${MCP_ENV}"}}
openapi:
  crm: {document: crm.yaml, server: "URL/crm", auth: {bearer: "${CRM_TOKEN}"}, operations: [look, broken, moved]}
  sms:
    document: crm.yaml
    server: "URL/sms"
    operations: [look, broken]
    auth: [{basic: {user: "${SMS_USER}", password: "${SMS_PASSWORD}"}}, {query: key, value: "${SMS_QUERY}"}]
services:
  gateway: {match: gateway, retries: 0, breaker: {failures: 1000}}
limits: {steps: 4, tool_calls: 6, seconds: 30}
"""
GRAPH = """\
type: custom_react_agent
name: walker
prompt: "Walk."
model: fake
graph:
  start: think
  nodes:
    think: {type: llm, prompt: "With ${NODE_KEY}.", tools: []}
    code: {type: function, call: "nodes:code", on_error: ask}
    ask: {type: approval, message: "Send ${QUESTION_KEY}?"}
  edges:
    - {from: think, to: code, when: "state.last_message != '${CONDITION_KEY}'"}
    - {from: think, to: end}
    - {from: code, to: end}
    - {from: ask, to: end}
"""
CRM = """\
openapi: 3.1.0
info: {title: CRM, version: 1.0.0}
paths:
  /look: {get: {operationId: look}}
  /broken: {get: {operationId: broken}}
  /moved: {get: {operationId: moved}}
"""
NODES = "import os\n\n\nasync def code(ctx):\n    raise RuntimeError('node: ' + str(dict(os.environ)))\n"
TOOLS = '''\
"""Tools that tell all that they can see."""
import base64, os, sys
from journeyman import ToolContext, tool

WORDS = {words!r}


def seen() -> str:
    text = str(dict(os.environ))
    print(text)
    print(text, file=sys.stderr)
    return text + base64.b64encode(text.encode()).decode()


@tool(effects="none", permissions={{"env": ["SHOP_KEY", "SHOP_DATABASE"]}})
def leak_env() -> dict:
    """Tell the environment."""
    return {{"env": seen(), **os.environ}}


@tool(effects="none", permissions={{"env": ["SHOP_KEY", "SHOP_DATABASE"]}})
def leak_raise() -> str:
    """Raise it."""
    raise RuntimeError(seen())


@tool(effects="none", permissions={{"env": ["SHOP_KEY", "SHOP_DATABASE"]}}, retries=0)
def leak_exit() -> str:
    """Print it and go."""
    seen()
    sys.stdout.flush()
    os._exit(3)


@tool(effects="none")
async def leak_inline(ctx: ToolContext) -> str:
    """Tell what the server knows, every way."""
    ctx.log.warning("said %s", WORDS, extra={{"headers": {{"x": WORDS}}, "list": [WORDS]}})
    await ctx.progress(WORDS[:3000])
    await ctx.context.patch(thread={{"x": WORDS[:9000]}}, global_={{"y": [WORDS[:9000]]}})
    return WORDS


@tool(effects="none")
async def leak_chain() -> str:
    """Raise what the server knows, with a cause."""
    try:
        raise KeyError(WORDS)
    except KeyError as exc:
        raise ValueError(WORDS) from exc


@tool(effects="none")
async def ask_secret(ctx: ToolContext) -> str:
    """Ask for it."""
    return await ctx.ask("Is it this? " + WORDS[:2000])


@tool(effects="none", cache_ttl=60)
async def kept(text: str = "") -> str:
    """Tell what may be kept."""
    return WORDS + text


@tool(effects="once")
async def guarded(text: str) -> str:
    """Do it once a human said yes."""
    return text
'''
TOOL_NAMES = ["leak_env", "leak_raise", "leak_exit", "leak_inline", "leak_chain", "kept"]
OUTSIDE = ["wire__tell", "wire__fail", "wire__refuse", "pipe__tell", "pipe__fail", "pipe__refuse"]
OUTSIDE += ["crm__look", "crm__broken", "crm__moved", "sms__look", "sms__broken"]
ADDRESS = f"http://ann:{ADDRESS_PASSWORD}@127.0.0.1:1/x"
SECRETS = known()
WORDS = said(SECRETS)


class Logs:
    """Everything that is logged, down to DEBUG, in each of the formats."""

    def __init__(self) -> None:
        self.streams = {name: io.StringIO() for name in ("json", "console", "terminal", "pattern")}
        self.root = logging.getLogger()
        self.before = self.root.handlers[:], self.root.level

    def mask(self, secrets: tuple[str, ...]) -> None:
        """As `serve` does it."""
        ids = RandomIds()
        formatters = {
            "json": JsonFormatter(_bound.get, ids),
            "console": ConsoleFormatter(_bound.get, ids, Masker(secrets), terminal=False),
            "terminal": ConsoleFormatter(_bound.get, ids, Masker(secrets), terminal=True),
            "pattern": PatternFormatter("%(levelname)s %(name)s %(message)s", _bound.get),
        }
        self.root.handlers[:] = []
        self.root.setLevel(logging.DEBUG)
        for name, formatter in formatters.items():
            handler = LineHandler(self.streams[name], Masker(secrets))
            handler.setFormatter(formatter)
            self.root.addHandler(handler)

    def restore(self) -> None:
        self.root.handlers[:], level = self.before
        self.root.setLevel(level)


def write(folder: Path, url: str) -> None:
    (folder / "tools").mkdir(exist_ok=True)
    (folder / "tools" / "leaky.py").write_text(TOOLS.format(words=WORDS))
    (folder / "nodes.py").write_text(NODES)
    (folder / "crm.yaml").write_text(CRM)
    (folder / "walker.yaml").write_text(GRAPH)
    command = json.dumps(mcp_server(folder))
    (folder / "leaky.yaml").write_text(AGENT.replace("URL", url).replace("COMMAND", command))


class House:
    """The server in its folder, and all that came out of it."""

    def __init__(self, folder: Path, logs: Logs, outside: LeakyServices) -> None:
        self.folder, self.logs, self.outside, self.out = folder, logs, outside, Sightings()
        self.app: Any = None
        self.admin = SETTINGS["API_KEY"]
        self.made: dict[str, str] = {}  # secrets that are shown once, by where
        self.ids: dict[str, list[str]] = {"run_id": [], "thread_id": [], "key_id": [], "name": [], "approval_id": []}
        self.runs: dict[str, str] = {}  # by what was said
        self.document: dict[str, Any] = {}

    async def served(self, *work: Callable[[House], Awaitable[None]]) -> None:
        """The server, while this is done."""
        self.app = App(Settings.read(env_file=None, rate_limit_requests=10_000), self.folder, on_secrets=self.logs.mask)
        try:
            await self.app.start()
            for each in work:
                await each(self)
        finally:
            await self.app.stop()

    async def ask(self, method: str, path: str, json: Any = None, **headers: str) -> Answer:
        given = {"authorization": f"Bearer {self.admin}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        async with stream(self.app, method, path, json=json, headers=given) as answer:
            body = b"".join([chunk async for chunk in answer.chunks()])
        self.out.see(f"{method} {path[:80]}", f"{answer.status} {answer.headers}".encode() + body)
        return Answer(answer.status, answer.headers, body)

    async def run(self, text: str, agent: str = "leaky", **more: Any) -> dict[str, Any]:
        """Streamed: every frame is seen."""
        body = {"user_input": text, "agent": agent, "thread_id": f"t{len(self.ids['thread_id'])}", **more}
        answer = await self.ask("POST", "/process", body, accept="text/event-stream")
        assert answer.status == 200, answer.text
        frames = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        live = "".join(frame["text"] for frame in frames if "offset" in frame)  # as a client shows it
        self.out.see("live text", live)
        assert text.startswith("call") or not live or "It is " in live
        run = next(frame["run_id"] for frame in frames if "run_id" in frame)
        self.ids["run_id"].append(run)
        self.runs[text] = run
        self.ids["thread_id"].append(body["thread_id"])
        found: dict[str, Any] = (await self.ask("GET", f"/runs/{run}")).json()
        self.ids["approval_id"] += [each["approval"] for each in found["approvals"]]
        return found


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Its folder and environment; `outside` goes on while the server is down."""
    logs = Logs()
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    with leaky_services(SECRETS) as outside:
        own = {
            "LITELLM_GATEWAY_URL": outside.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": outside.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'journeyman.db'}",
            "AUTH_MODE": "required",
            "DEBUG": "true",
            "AGENT_PATH": str(tmp_path),
            "JWT_AUDIENCE": "journeyman",
            "JWT_ISSUER": "https://idp.example",
            "GATEWAY_PATIENCE_SECONDS": "0",
        }
        for name, value in (ENVIRONMENT | own).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        write(tmp_path, outside.url)
        yield House(tmp_path, logs, outside)
    logs.restore()


# --- everything that happens


async def talk(house: House) -> None:
    """Each way that words get into a run."""
    for text in ("say all", "say it again"):  # the first thread is erased later
        assert (await house.run(text))["status"] == "finished"
    for text in ("fail 400", "fail 401", "fail 429", "fail 500", "break", "odd"):
        assert (await house.run(text))["status"] == "failed", text
    for tool in (*TOOL_NAMES, *OUTSIDE):
        found = await house.run(f"call {tool} {{}}")
        assert found["status"] == "finished", found
        events = (await house.ask("GET", f"/runs/{found['run_id']}/events?limit=500")).text
        assert f'"tool":"{tool}"' in events
        assert "tool_not_found" not in events, tool
    await house.run(f"call no_such_tool {json.dumps({'text': WORDS})}")
    await house.run(f"call kept {json.dumps({'text': WORDS})}")
    await house.run(f"call kept {WORDS}")  # no JSON
    await house.run(f"call http_get {json.dumps({'url': ADDRESS})}")
    await house.run(f"all of it: {WORDS}", context={"x": WORDS})
    assert (await house.run("call ask_secret {}"))["status"] == "paused"
    waiting = await house.run(f"call guarded {json.dumps({'text': WORDS})}")
    assert waiting["status"] == "paused"
    walked = await house.run("walk", "walker")
    assert walked["status"] == "paused", walked
    for tool in ("leak_env", "leak_inline", "leak_chain", "wire__tell", "crm__broken"):
        answer = await house.ask("POST", "/execute_tool", {"tool_name": tool, "arguments": {}})
        assert answer.status == 200, answer.text
    await house.ask("POST", "/execute_tool", {"tool_name": "http_get", "arguments": {"url": ADDRESS}})
    await house.ask("POST", "/execute_tool", {"tool_name": "kept", "arguments": {WORDS: 1}})


async def introduce(house: House) -> None:
    """Each way that a credential comes in, good ones and bad ones."""
    made = (await house.ask("POST", "/keys", {"name": "shop", "scopes": ["read"]}, idempotency_key="make-it")).json()
    again = (await house.ask("POST", "/keys", {"name": "shop", "scopes": ["read"]}, idempotency_key="make-it")).json()
    rotated = (await house.ask("POST", f"/keys/{made['id']}/rotate", {})).json()
    house.made = {"made": made["key"], "again": again.get("key") or made["key"], "rotated": rotated["key"]}
    house.ids["key_id"] += [made["id"], rotated["id"]]
    claims = {"sub": "ann", "aud": "journeyman", "iss": "https://idp.example", "scope": "run read"}
    good = jwt.encode({**claims, "exp": int(time.time()) + 600}, SETTINGS["JWT_SECRET_KEY"], algorithm="HS256")
    house.made["token"] = good
    bad = f"{good[:-8]}AAAAAAAA"
    house.made["bad token"] = bad
    for credential in (made["key"], rotated["key"], good, bad, f"jm_{'0' * 12}_wrong-wrong-wrong-wrong", good + "x"):
        await house.ask("GET", "/threads", authorization=f"Bearer {credential}")
        await house.ask("GET", "/threads", authorization=f"Basic {credential}")
    for credential in (rotated["key"], good, bad):
        await talk_by_socket(house, credential)


async def talk_by_socket(house: House, credential: str) -> None:
    """By the subprotocol, by the first message, and what is then said."""
    offered = {"sec-websocket-protocol": f"journeyman, bearer.{credential}"}
    async with socket(house.app, headers=offered) as opened:
        if opened.accepted:
            await opened.send({"type": "start", "id": "1", "agent": "leaky", "user_input": "say all"})
            await opened.send({"type": "subscribe", "id": "2", "run_id": WORDS[:200]})
            await opened.send(f"no JSON: {WORDS}")
            await _listen(house, opened)
    async with socket(house.app) as opened:
        await opened.send({"type": "authenticate", "id": "0", "token": credential})
        await _listen(house, opened)


async def _listen(house: House, opened: Any) -> None:
    """Until it is silent."""
    ended = False
    while not ended:
        try:
            message = await asyncio.wait_for(opened.outbound.get(), 0.4)
        except TimeoutError:
            return
        house.out.see("socket", json.dumps(message, ensure_ascii=False))
        ended = message["type"] == "websocket.close" or '"run_f' in message.get("text", "")


BODIES: dict[str, Any] = {
    "process": {"user_input": f"say {WORDS[:500]}", "agent": "leaky"},
    "execute_tool": {"tool_name": "kept", "arguments": {"text": WORDS}},
    "create_chat_completion": {"model": "leaky", "messages": [{"role": "user", "content": f"say {WORDS[:500]}"}]},
    "create_thread": {"title": WORDS[:150]},
    "rename_thread": {"title": WORDS[:150]},
    "add_message": {"content": WORDS},
    "patch_thread_context": {"a": WORDS[:9000]},
    "patch_context": {"a": WORDS[:9000]},
    "cancel_run": {},
    "release_run": {},
    "cancel_waiting_runs": {"agent": WORDS[:60]},
    "resume_run": {"answers": [{"approval": "no-such", "decision": "approve", "arguments": {"text": WORDS}}]},
    "fork_run": {"at": 1, "edits": {"messages": []}},
    "send_file": {"a": WORDS},
    "prune": {"threads": 100_000},
    "create_key": {"name": WORDS[:40], "scopes": [WORDS[:40]]},
    "rotate_key": {},
    "revoke_key": {},
    "reload": {},
    "roll_back_agent": {"version": WORDS[:60]},
}
NO_BODY = {"erase_thread", "clear_tool_cache", "retry_run"}
LAST = ("revoke_key", "erase_thread")  # what takes away comes at the end
GATEWAY_KEY = SETTINGS["LITELLM_GATEWAY_API_KEY"]


async def walk(house: House) -> None:
    """Every route of the document, with each thing there is, and with a secret wherever a caller may write one."""
    house.document = (await house.ask("GET", "/openapi.json")).json()
    house.ids["name"] = ["leaky", "walker", *TOOL_NAMES, *OUTSIDE]
    house.ids["model"] = ["leaky", "walker"]
    house.ids["file_id"] = ["file_none"]  # the bytes of a file come back to its principal as they were sent
    operations = [
        (method.upper(), path, operation)
        for path, methods in house.document["paths"].items()
        for method, operation in methods.items()
    ]
    for method, path, operation in sorted(operations, key=lambda each: each[2]["operationId"] in LAST):
        name = operation["operationId"]
        if method == "GET":
            await look(house, path, operation)
            continue
        assert name in BODIES or name in NO_BODY, f"{name} is new: say here what to send it"
        for filled in _filled(house, path, 1 if name in LAST else 3):
            await house.ask(method, filled, BODIES.get(name), idempotency_key=f"{name}-{filled}"[:60])
            if name in BODIES:
                await house.ask(method, filled, {WORDS[:100]: WORDS[:100]})
                await house.ask(method, filled, [WORDS[:100]])
                half = b'{"a": "' + GATEWAY_KEY.encode()
                headers = {"authorization": f"Bearer {house.admin}", "content-type": "application/json"}
                answer = await request(house.app, method, filled, body=half, headers=headers)
                house.out.see(f"{method} {filled}", answer.body)
    for path in ("/debug/state", "/debug/services", "/debug/tasks", "/metrics", "/ui/", "/docs.js"):
        assert (await house.ask("GET", path)).status == 200, path


async def look(house: House, path: str, operation: dict[str, Any]) -> None:
    for filled in _filled(house, path, 60):
        await house.ask("GET", filled)
        if operation["operationId"] == "list_events" and _ended(house, filled):
            await house.ask("GET", filled, accept="text/event-stream", last_event_id="0")
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            await house.ask("GET", f"{filled}?{parameter['name']}={GATEWAY_KEY.replace('+', '%2B')}")
    if "{" not in path:
        return
    await house.ask("GET", re.sub(r"\{\w+\}", GATEWAY_KEY.replace("/", "%2F"), path))
    if path.endswith("/state"):
        for filled in _filled(house, path, 60):
            await house.ask("GET", f"{filled}?at=3")
    if path.endswith("/graph"):
        await house.ask("GET", "/agents/walker/graph?format=mermaid")


def _ended(house: House, path: str) -> bool:
    shown = house.out.seen[f"GET {path}"]
    return b'"run_finished"' in shown or b'"run_failed"' in shown


def _filled(house: House, path: str, most: int) -> Iterator[str]:
    """The path with each known id; one without parameters as it is."""
    match = re.search(r"\{(\w+)\}", path)
    if match is None:
        yield path
        return
    for value in house.ids[match[1]][:most]:
        yield path.replace(match[0], value)


# --- the command line over the same folder

COMMANDS = {
    "agents": [["--json"]],
    "approvals": [["list"], ["list", "--json"]],
    "check": [[]],
    "db": [["verify"], ["backup", "copy.db"], ["migrate"]],
    "doctor": [["--gateway"]],
    "errors": [[], ["--json"]],
    "graph": [["--agent", "walker", "--json"]],
    "keys": [["list"], ["list", "--json"]],
    "run": [["say all", "--agent", "leaky"], ["call leak_chain {}", "--agent", "leaky", "--json"]],
    "runs": [["list"], ["list", "--json"], ["show", "RUN"], ["show", "RUN", "--json"], ["show", "RUN", "--at", "3"],
             ["events", "RUN"], ["events", "RUN", "--json"], ["trace", "RUN"], ["replay", "RUN"],
             ["export", "RUN", "--as-test", "-o", "OUT.test.yaml"]],
    "threads": [[], ["--json"], ["show", "THREAD"], ["show", "THREAD", "--json"]],
    "tools": [["list", "--json"], ["check"], ["call", "leak_chain", "--json", "{}"],
              ["call", "leak_inline", "--json", "{}", "--inline"]],
}  # fmt: skip
ELSEWHERE = {"serve", "init", "chat", "schema", "reload", "rollback", "token", "test", "fake-llm", "completion"}
"""Commands that read neither journal nor agents, that talk to a server (its answers are searched above), or that are
`run` with a terminal. `token` prints the token that it makes; `test` plays what `runs export` wrote."""


def command_all(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    app = build_cli()
    names = {each.name for each in (*app.registered_commands, *app.registered_groups)}
    assert names == {*COMMANDS, *ELSEWHERE}, "a command is new: say here how to call it"
    runs = [house.runs[text] for text in ("say it again", "call leak_env {}", "call leak_chain {}", "walk")]
    for name, calls in COMMANDS.items():
        for arguments in calls:
            slow = arguments[:1] in (["replay"], ["export"])
            for number, run in enumerate(runs[slow * 2 :] if "RUN" in arguments else [""]):
                put = {"RUN": run, "THREAD": house.ids["thread_id"][1], "OUT.test.yaml": f"out{number}.test.yaml"}
                words = [put.get(word, word) for word in arguments]
                main([name, *words])
                out, err = capsys.readouterr()
                house.out.see(f"$ {name} {' '.join(arguments)} (out)", out)
                house.out.see(f"$ {name} {' '.join(arguments)} (err)", err)


# --- the requirement


@pytest.mark.timeout(240)
def test_no_secret_comes_out_anywhere(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    asyncio.run(house.served(talk, introduce, walk))
    printed = capfd.readouterr()
    house.out.see("stdout of the process", printed.out)
    house.out.see("stderr of the process", printed.err)
    command_all(house, capfd)
    for body in house.outside.collected:
        house.out.see("collector", body)
    for name, text in house.logs.streams.items():
        house.out.see(f"log {name}", text.getvalue())
        assert len(text.getvalue()) > 20_000
    files = [*house.out.see_files(house.folder, "*.db*"), *house.out.see_files(house.folder, "out*.test.yaml")]
    assert {"journeyman.db", "copy.db", "out0.test.yaml"} <= set(files), files
    assert b"[secret]" in house.out.seen["live text"]
    leaks = house.out.leaks(SECRETS)
    assert not leaks, "\n".join(f"{name} in {where}" for where, name in leaks)
    _shown_once(house)


def _shown_once(house: House) -> None:
    """A made key is in the answer that made it, and nowhere else; credentials of requests are nowhere."""
    for name, secret in house.made.items():
        expected = {"made": {"POST /keys"}, "again": {"POST /keys"}}.get(name, set())
        where = {place for place, _ in house.out.leaks({name: secret})}
        if name == "rotated":
            assert len(where) == 1
            assert next(iter(where)).endswith("/rotate")
        else:
            assert where == expected, (name, where)
    in_lines = house.out.leaks({"in an address": ADDRESS_PASSWORD}, "log")
    in_lines += house.out.leaks({"in an address": ADDRESS_PASSWORD}, "collector")
    in_lines += house.out.leaks({"in an address": ADDRESS_PASSWORD}, "GET /debug")
    assert not in_lines

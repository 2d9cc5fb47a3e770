"""An MCP server over stdio that runs only while its shop is open, and notes what was bought in the effects log."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from tests.harness.server_environment import ServerEnvironment

TOOL = "shop__buy"
AGENT = """\
type: react_agent
name: worker
prompt: Follow the plan.
model: {{name: fake}}
tools: [look, {{name: shop__buy, approval: always, on_unknown: ask}}]
mcp_servers: {{shop: {{command: [{python}, {program}], sandbox: off}}}}
services: {{gateway: {{match: gateway, breaker: {{failures: 1000}}}}}}
"""
_PROGRAM = """\
import json, os, pathlib, sys
sys.path.insert(0, {harness!r})
import fake_mcp_server as fake

folder = pathlib.Path({folder!r})
if not (folder / "open").exists():
    sys.exit("closed")
(folder / "pid").write_text(str(os.getpid()))
BUY = {{"name": "buy", "inputSchema": {{"type": "object", "properties": {{"label": {{"type": "string"}}}}}}}}


class Shop(fake.FakeMcpServer):
    def _call(self, id_, params):
        label, key = params["arguments"]["label"], params["_meta"]["journeyman/idempotencyKey"]
        line = json.dumps({{"tool": "shop__buy", "label": label, "key": key, "pid": os.getpid()}}) + "\\n"
        file = os.open({effects!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, line.encode())
        os.fsync(file)
        os.close(file)
        yield fake._text(id_, f"shop__buy {{label}} done")


shop = Shop(set())
shop.tools = [BUY]
for line in sys.stdin:
    for answer in shop.answers(json.loads(line)):
        print(json.dumps(answer), flush=True)
"""


class ShopServer:
    """The server `shop` of the agent `worker` in `folder`, and the switch that opens and closes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "shop"
        self._folder.mkdir(parents=True)
        program = self._folder / "shop.py"
        harness, effects = str(Path(__file__).parent), str(folder / "effects.jsonl")
        program.write_text(_PROGRAM.format(harness=harness, folder=str(self._folder), effects=effects))
        self.agent = AGENT.format(python=sys.executable, program=program)

    async def open(self, env: ServerEnvironment) -> None:
        """Let the server run, and wait until the application is connected to it."""
        (self._folder / "open").touch()
        async with asyncio.timeout(60):
            while (await env.client.get("/agents/worker"))["problems"]:
                await asyncio.sleep(0.02)

    def close(self) -> None:
        """End the server; it does not start again."""
        (self._folder / "open").unlink()
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((self._folder / "pid").read_text()), signal.SIGKILL)

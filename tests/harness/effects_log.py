"""A log to which tools append their side effects, and the tools and agents that write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

AGENT = """\
type: react_agent
name: worker
description: Works by a plan
prompt: Follow the plan.
model: {name: fake}
tools: [look, put, pay, crunch, bare, slow, die, guarded]
services: {gateway: {match: gateway, breaker: {failures: 1000}}}
"""

_TOOLS = '''\
"""Tools of every kind of effects; each appends what it does to a file, synced, before it returns."""
from __future__ import annotations

import asyncio
import json
import os
import time

from journeyman import BlockingToolContext, ToolContext, tool

EFFECTS_FILE = {effects_file!r}


def note(tool: str, label: str, key: str) -> str:
    line = json.dumps({{"tool": tool, "label": label, "key": key, "pid": os.getpid()}}) + "\\n"
    file = os.open(EFFECTS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)
    return f"{{tool}} {{label}} done"


@tool(effects="none")
async def look(label: str, ctx: ToolContext) -> str:
    """Look at something."""
    return note("look", label, ctx.idempotency_key)


@tool(effects="idempotent")
async def put(label: str, ctx: ToolContext) -> str:
    """Put something where it belongs."""
    return note("put", label, ctx.idempotency_key)


@tool(effects="once")
async def pay(label: str, ctx: ToolContext) -> str:
    """Pay somebody."""
    return note("pay", label, ctx.idempotency_key)


@tool(effects="once", approval="always")
async def guarded(label: str, ctx: ToolContext) -> str:
    """Pay somebody after a human said yes."""
    return note("guarded", label, ctx.idempotency_key)


@tool
async def bare(label: str, ctx: ToolContext) -> str:
    """Do something that nobody declared."""
    return note("bare", label, ctx.idempotency_key)


@tool(effects="none")
async def slow(label: str, seconds: float, ctx: ToolContext) -> str:
    """Take a while."""
    note("slow", label, ctx.idempotency_key)
    await asyncio.sleep(seconds)
    return f"slow {{label}} done"


@tool(effects="idempotent")
def crunch(label: str, ctx: BlockingToolContext) -> str:
    """Compute something in a process of its own."""
    return note("crunch", label, ctx.idempotency_key)


@tool(effects="once", on_unknown="tell")
def die(label: str, ctx: BlockingToolContext) -> str:
    """End the process that it runs in."""
    note("die", label, ctx.idempotency_key)
    os._exit(3)
'''


@dataclass(frozen=True)
class Effect:
    tool: str
    label: str
    key: str
    pid: int


class EffectsLog:
    """`folder/agents` with worker.yaml, more agents (by name) and files (by name with suffix), and tools;
    `folder/effects.jsonl` with what happened."""

    def __init__(self, folder: Path, more_agents: Mapping[str, str] | None = None) -> None:
        self.file = folder / "effects.jsonl"
        self.agents = folder / "agents"
        tools = self.agents / "tools"
        tools.mkdir(parents=True)
        (self.agents / "worker.yaml").write_text(AGENT)
        for name, text in (more_agents or {}).items():
            (self.agents / (name if "." in name else f"{name}.yaml")).write_text(text)
        (tools / "effects.py").write_text(_TOOLS.format(effects_file=str(self.file)))

    def effects(self) -> list[Effect]:
        """What happened, in order. A last line that a kill cut short did not happen."""
        if not self.file.exists():
            return []
        lines = self.file.read_text().split("\n")[:-1]
        return [Effect(**json.loads(line)) for line in lines]

    def happened(self, tool: str, label: str) -> bool:
        return any(effect.tool == tool and effect.label == label for effect in self.effects())

"""A whole runtime in memory: journal, scripted model, inline tools, given ids."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from journeyman.agents.react import DirectAgent, ReactAgent
from journeyman.agents.spec import AgentSpec, Limits, ModelSettings
from journeyman.agents.toolset import Toolset
from journeyman.clock import Clock, SystemClock
from journeyman.events.codec import Codec
from journeyman.events.messages import user
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.store import FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.journal import Journal
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.client import ModelClient
from journeyman.llm.prices import Prices
from journeyman.runtime.engine.budgets import Budgets
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.runtime import build_runtime
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.requests import StartRun
from journeyman.tools.executor import Executor
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry


class RuntimeInMemory:
    """`async with RuntimeInMemory(model, tools) as runtime`: start runs with `runtime.start("text")`."""

    definitions_type = VersionResolver

    def __init__(
        self,
        model: ModelClient,
        tools: Sequence[Any] = (),
        journal: Journal | None = None,
        *,
        of_each: Quota = UNLIMITED,
        of_agent: Quota = UNLIMITED,
        prices: Prices | None = None,
        clock: Clock | None = None,
        **limits: Any,
    ) -> None:
        self.model = model
        self.tools = tools
        self.limits = limits
        self.journal: Journal = journal or MemoryJournal()
        self.clock = clock or SystemClock()
        self.of_each = of_each
        self.of_agent = of_agent
        self.prices = prices or Prices()
        self.ids = SequentialIds()
        self.codec = Codec()

    async def __aenter__(self) -> RuntimeInMemory:
        self._stack = AsyncExitStack()
        await self.journal.open()
        self.registry = ToolRegistry()
        for tool in self.tools:
            await self.registry.register_tool(tool)
        self.agent = self.build(self.spec())
        self.catalog = AgentRegistry({"test": self.agent})
        self.definitions = self.definitions_type(self.journal, self.catalog, self.build, self.direct)
        executor = Executor(self.registry, WorkerPool(), self.clock, random.Random(1), self.ids)
        self.files = FileStore(self.journal, MemoryBlobs(), self.clock, self.ids)
        performer = Performer(self.model, executor, self.clock, self.ids, self.prices, files=self.files)
        self.budgets = Budgets(self.journal, self.clock, self.of_each)
        parts = RunParts(self.journal, self.codec, self.clock, self.ids, self.definitions, self.files)
        runtime = build_runtime(parts, self.catalog, performer, budgets=self.budgets, prices=self.prices)
        self.worker, self.runs = runtime.scheduler, runtime.runs
        self.forks, self.threads = runtime.forks, runtime.threads
        self.conversations, self.chat_retention = runtime.conversations, runtime.chat_retention
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.worker.stop(0)
        await self.files.aclose()

    def spec(self) -> AgentSpec:
        specs = tuple(tool.spec for tool in self.registry.tools.values())
        model = ModelSettings(name="scripted")
        limits, quota = Limits(**self.limits), self.of_agent
        return AgentSpec(type="react_agent", name="test", model=model, tools=specs, limits=limits, quota=quota)

    def build(self, spec: AgentSpec) -> ReactAgent:
        return ReactAgent(spec, Toolset(spec.tools, self.registry.check_arguments), lambda state: spec.prompt)

    def direct(self, tool: str, agent: str | None) -> DirectAgent:
        spec = AgentSpec(type="direct", name="direct", model=ModelSettings(name=""))
        specs = [tool.spec for tool in self.registry.tools.values()]
        return DirectAgent(spec, Toolset(specs, self.registry.check_arguments), lambda state: "")

    async def start(self, text: str, thread_id: str | None = None, **rest: Any) -> str:
        started = await self.runs.start("local", StartRun(input=user(text), thread_id=thread_id, **rest))
        return started.run_id

    async def types(self, run_id: str) -> list[str]:
        return [entry.type for entry in await self.journal.read(run_id)]


def turns(*texts: str | Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Turns of a scripted model: a text, or {tool: arguments} for one call each."""
    return [
        {"text": turn}
        if isinstance(turn, str)
        else {"tool_calls": [{"name": name, "arguments": arguments} for name, arguments in turn.items()]}
        for turn in texts
    ]

"""A runtime in memory that is started again and again on one journal, each time with other neighbours."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from journeyman.agent_files.assembly import assemble, direct_agent
from journeyman.agents.agent import BaseAgent
from journeyman.agents.graph.agent import GraphAgent
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, EdgeSpec, GraphSpec, ModelSettings, NodeSpec
from journeyman.clock import ManualClock
from journeyman.errors import NodeCodeError, ServiceError, ServiceUnavailableError
from journeyman.events.codec import Codec
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import Message, TextPart, ToolCall, user
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.store import FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.journal import Journal
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.runtime.engine.gateway_patience import GatewayPatience
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.runtime import Runtime, build_runtime
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver
from journeyman.runtime.use_cases.requests import StartRun
from journeyman.tools.executor import Executor
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import tool
from tests.harness.fickle_server import FickleServer

Reply = str | tuple[tuple[str, dict[str, Any]], ...]  # a text, or the tools that it calls with their arguments
UNREACHABLE = ServiceUnavailableError("the gateway cannot be used: connection refused", code="gateway_unreachable")


@dataclass
class FickleGateway:
    """A model client whose gateway is away while `failure` is set. `plan` gives the replies of a run by its text."""

    plan: Callable[[str, int], Reply] = lambda text, number: f"answer to {text}"
    failure: ServiceError | None = None
    asked: list[float] = field(default_factory=list)  # times of the calls that reached it
    clock: ManualClock | None = None

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        if self.clock is not None:
            self.asked.append(self.clock.monotonic())
        place = max(at for at, message in enumerate(request.messages) if message.role == "user")
        number = sum(message.role == "assistant" for message in request.messages[place:])
        said = self.plan(request.messages[place].text, number)
        if isinstance(said, str):
            return ModelReply(message=Message(role="assistant", content=(TextPart(said),)), model="m")
        calls = tuple(ToolCall(f"c{number}-{at}", name, _json(values)) for at, (name, values) in enumerate(said))
        return ModelReply(message=Message(role="assistant", tool_calls=calls), model="m")

    async def is_here(self, name: str) -> bool:
        """Answer the probe of a gateway."""
        return self.failure is None

    async def aclose(self) -> None:
        pass


@tool(effects="none")
async def look(what: str = "") -> str:
    """Look.

    Args:
        what: At what.
    """
    return f"saw {what}"


@tool(effects="once", approval="always")
async def pay(amount: int) -> str:
    """Pay.

    Args:
        amount: How much.
    """
    return f"paid {amount}"


def desk(**changes: Any) -> AgentSpec:
    """Return the agent that most tests use; its tools are added when it is served."""
    return AgentSpec(type="react_agent", name="desk", model=ModelSettings(name="m"), **changes)


def graph_of(nodes: Iterable[NodeSpec], edges: Iterable[tuple[str, str]], name: str = "desk") -> AgentSpec:
    """Return an agent with this graph."""
    joined = tuple(EdgeSpec(origins=(origin,), targets=tuple(to.split("+"))) for origin, to in edges)
    made = tuple(nodes)
    graph = GraphSpec(start=made[0].name, nodes=made, edges=joined)
    return AgentSpec(type="graph", name=name, model=ModelSettings(name="m"), graph=graph)


class NodeCode:
    """The code of nodes that is here: by node name."""

    def __init__(self, functions: dict[str, Any] | None) -> None:
        self._functions = functions

    def functions(self, graph: GraphSpec, folder: Any) -> dict[str, Any]:
        """Return the code of the graph's nodes. Raises NodeCodeError if it is not here."""
        wanted = [node.name for node in graph.nodes if node.type == "function"]
        for name in wanted:
            if name not in (self._functions or {}):
                raise NodeCodeError("The code of nodes cannot be used:", node=name)
        return {name: (self._functions or {})[name] for name in wanted}


@dataclass
class IncompleteRuntime:
    """A runtime on one journal. `boot` starts a process with these neighbours; `stop` ends it."""

    gateway: FickleGateway = field(default_factory=FickleGateway)
    journal: Journal = field(default_factory=MemoryJournal)
    clock: ManualClock = field(default_factory=ManualClock)
    ids: SequentialIds = field(default_factory=SequentialIds)
    patience: float | None = None
    slots: int = 512
    server: FickleServer | None = None  # an MCP server, whose tools are registered too
    runtime: Runtime = field(init=False)

    async def boot(
        self, *agents: AgentSpec, tools: Iterable[Any] = (look, pay), nodes: dict[str, Any] | None = None
    ) -> IncompleteRuntime:
        """Start a process that serves these agents with these tools and this code of nodes."""
        await self.journal.open()
        self.gateway.clock = self.clock
        self.registry = ToolRegistry()
        for each in tools:
            await self.registry.register_tool(each)
        if self.server is not None:
            self.registry.add(self.server.tool())
        self.code = NodeCode(nodes)
        self.catalog = AgentRegistry({})
        versions = VersionResolver(
            self.journal,
            self.catalog,
            self.build,
            self.direct,
            tools=lambda: self.registry.tools,
            servers=self.server.is_here if self.server is not None else lambda tool: None,
        )
        self.serve(*agents)
        executor = Executor(self.registry, WorkerPool(), self.clock, random.Random(1), self.ids)
        performer = Performer(self.gateway, executor, self.clock, self.ids)
        files = FileStore(self.journal, MemoryBlobs(), self.clock, self.ids)
        parts = RunParts(self.journal, Codec(), self.clock, self.ids, versions, files)
        patience = GatewayPatience(clock=self.clock, seconds=self.patience, rng=random.Random(1))
        self.committed: list[Any] = []
        self.runtime = build_runtime(
            parts,
            self.catalog,
            performer,
            observe=self._observe,
            patience=patience,
            is_here=self.gateway.is_here,
            slots=self.slots,
        )
        await self.runtime.scheduler.recover()
        self.runtime.deadlines.start()
        self.runtime.lacking.look()
        await self.settle()
        return self

    def serve(self, *agents: AgentSpec) -> None:
        """Serve these agents from now on, each with every tool that is here."""
        listed = tuple(each.spec for each in self.registry.tools.values())
        for spec in agents:
            full = spec if spec.tools or spec.graph is not None else _with_tools(spec, listed)
            self.catalog.put(self.build(full), self.clock.now())

    def build(self, spec: AgentSpec) -> BaseAgent:
        kind = GraphAgent if spec.graph is not None else ReactAgent
        return assemble(spec, kind, self.registry.tools, None, self.code)  # type: ignore[arg-type]

    def direct(self, name: str, agent: str | None) -> BaseAgent:
        return direct_agent(name, [], self.registry.tools)

    def _observe(self, run: AgentState, drafts: Any) -> None:
        self.runtime.deadlines.observe(run, drafts)
        self.runtime.lacking.observe(run, drafts)

    async def stop(self) -> None:
        """End the process as a kill does: what is under way is not recorded."""
        await self.runtime.lacking.aclose()
        await self.runtime.deadlines.aclose()
        await self.runtime.scheduler.stop(0)

    # --- time

    async def settle(self, rounds: int = 60) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass in small steps, with everything that happens in it."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.clock.advance(min(step, end - self.clock.monotonic()))
            await self.settle(20)

    # --- runs

    async def start(self, text: str, thread: str | None = None, **rest: Any) -> str:
        request = StartRun(input=user(text), thread_id=thread, agent="desk", **rest)
        started = await self.runtime.runs.start("local", request)
        await self.settle()
        return started.run_id

    async def state(self, run_id: str) -> AgentState:
        entries = await self.journal.read(run_id)
        return fold(run_id, ((entry.seq, entry.at, entry.event) for entry in entries))

    async def types(self, run_id: str) -> list[str]:
        return [entry.type for entry in await self.journal.read(run_id)]


def _json(values: dict[str, Any]) -> str:
    return msgspec.json.encode(values).decode()


def _with_tools(spec: AgentSpec, listed: Any) -> AgentSpec:
    return msgspec.structs.replace(spec, tools=listed)


@asynccontextmanager
async def incomplete(*agents: AgentSpec, **options: Any) -> AsyncIterator[IncompleteRuntime]:
    """Return a runtime that serves these agents with everything that they need."""
    boot = {name: options.pop(name) for name in ("tools", "nodes") if name in options}
    runtime = await IncompleteRuntime(**options).boot(*agents, **boot)
    try:
        yield runtime
    finally:
        await runtime.stop()

"""Dry run: walks an agent's graph in memory, without side effects and without a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from journeyman.agent_files.definition import LoadedAgent
from journeyman.agents.graph.drawing import graph_of
from journeyman.agents.graph.walkthrough import TraceStep, execution_trace
from journeyman.errors import ConfigurationError, NotFoundError
from journeyman.events.codec import Entry
from journeyman.events.messages import JSON, user
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.requests import HumanAnswer, RunResult, StartRun
from journeyman.server.application import Application
from journeyman.server.composition import join
from journeyman.server.loading import LoadedFiles, load
from journeyman.settings import Settings
from journeyman.tools.spec import CallRequest, ToolHost, ToolSpec

PRINCIPAL = "local"
NO_GATEWAY = {"litellm_gateway_url": None, "openai_base_url": None}
MAX_ANSWERS = 100  # to approvals; a loop of them has no other limit
_WAIT_SECONDS = 600.0
_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What to walk: the user's text, the agent, its context, and a model script. Without a script the offline model
    answers."""

    text: str
    agent: str | None = None
    context: dict[str, JSON] | None = None
    script: Path | None = None


class NotCalled:
    """Stands in for a tool whose effects are not `none`."""

    async def invoke(self, request: CallRequest, host: ToolHost) -> JSON:
        """Return a note that the tool was not called."""
        return f"(dry run: {request.spec.name} was not called)"


async def dry_run(settings: Settings, path: Path | None, request: DryRun) -> tuple[RunResult, list[TraceStep]]:
    """Run the agent and return how the run ended and its trace through the graph.

    Approvals are approved; a tool is called only if its effects are `none`. Raises ConfigurationError with every
    problem of the files, NotFoundError for an agent without a graph.
    """
    models = ScriptedModel.from_file(request.script) if request.script else None
    memory = settings.model_copy(update={"database_url": "memory://", "auth_mode": "off", **NO_GATEWAY})
    loaded = await load(memory, path, offline=True)
    if errors := [problem for problem in loaded.problems if problem.severity == "error"]:
        await loaded.registry.aclose()
        raise ConfigurationError("The agents cannot be walked:", errors)
    application = join(memory, without_effects(loaded), MemoryJournal(), models)
    spec = application.agents.resolve(request.agent).spec
    graph = graph_of(spec)
    if graph is None or spec.graph is None:
        raise NotFoundError(f"Agent {spec.name!r} has no graph to walk.", code="no_graph")
    async with application:
        result = await _run(application, request, spec.name)
        facts = [(entry.seq, entry.at, entry.event) async for entry in _entries(application, result.run_id)]
    return result, list(execution_trace(graph, facts))


def without_effects(loaded: LoadedFiles) -> LoadedFiles:
    """Return the files with tools with side effects replaced by ones that do nothing. MCP servers are left out."""
    tools = loaded.registry.tools
    listed: dict[str, list[ToolSpec]] = {}
    for agent in loaded.agents:
        for spec in agent.spec.tools:
            listed.setdefault(spec.name, []).append(spec)
    acting = {
        name
        for name, tool in tools.items()
        if any(spec.policy.effects != "none" for spec in listed.get(name, [tool.spec]))
    }
    for name in acting:
        spec = tools[name].spec.with_policy(isolation="inline")
        tools[name] = msgspec.structs.replace(tools[name], spec=spec, invoker=NotCalled(), target=None)
    return replace(loaded, agents=tuple(_harmless(agent, acting) for agent in loaded.agents))


def _harmless(agent: LoadedAgent, acting: Collection[str]) -> LoadedAgent:
    tools = tuple(spec.with_policy(isolation="inline") if spec.name in acting else spec for spec in agent.spec.tools)
    return replace(agent, spec=msgspec.structs.replace(agent.spec, tools=tools), mcp_servers=())


async def _run(application: Application, request: DryRun, agent: str) -> RunResult:
    runs = application.runs
    start = StartRun(input=user(request.text), agent=agent, context=request.context)
    started = await runs.start(PRINCIPAL, start)
    result = await runs.wait(started.run_id, _WAIT_SECONDS)
    answered = 0
    while result.approvals and result.status == "paused" and answered < MAX_ANSWERS:
        answers = [HumanAnswer(approval=row.id, decision="approve") for row in result.approvals]
        await runs.answer(PRINCIPAL, result.run_id, answers)
        result = await runs.wait(result.run_id, _WAIT_SECONDS)
        answered += len(answers)
    return result


async def _entries(application: Application, run_id: str) -> AsyncIterator[Entry]:
    after = 0
    while page := await application.runs.events(PRINCIPAL, run_id, after, _PAGE):
        for entry in page:
            yield entry
        after = page[-1].seq

"""A run of an agent without effects: in memory, with a model that needs no gateway, its way through the graph told."""

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
MAX_ANSWERS = 100  # to approvals; a loop of them has no other limit
_WAIT_SECONDS = 600.0
_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What is said, by whom it is answered, and with which context. `script` None: the model that needs no gateway."""

    text: str
    agent: str | None = None
    context: dict[str, JSON] | None = None
    script: Path | None = None


class NotCalled:
    """In the place of a tool whose effects are not `none`."""

    async def invoke(self, request: CallRequest, host: ToolHost) -> JSON:
        return f"(dry run: {request.spec.name} was not called)"


async def dry_run(settings: Settings, path: Path | None, rehearsal: DryRun) -> tuple[RunResult, list[TraceStep]]:
    """The run's end, and its way. Approvals are approved; tools are called only if their effects are `none`.

    Raises ConfigurationError with every problem of the files, NotFoundError for an agent without a graph.
    """
    models = ScriptedModel.from_file(rehearsal.script) if rehearsal.script else None
    memory = settings.model_copy(update={"database_url": "memory://", "litellm_gateway_url": None, "auth_mode": "off"})
    loaded = await load(memory, path, offline=True)
    if errors := [problem for problem in loaded.problems if problem.severity == "error"]:
        await loaded.registry.aclose()
        raise ConfigurationError("The agents cannot be rehearsed:", errors)
    application = join(memory, without_effects(loaded), MemoryJournal(), models)
    spec = application.agents.resolve(rehearsal.agent).spec
    graph = graph_of(spec)
    if graph is None or spec.graph is None:
        raise NotFoundError(f"Agent {spec.name!r} has no graph to walk.", code="no_graph")
    async with application:
        result = await _run(application, rehearsal, spec.name)
        facts = [(entry.seq, entry.at, entry.event) async for entry in _entries(application, result.run_id)]
    return result, list(execution_trace(graph, facts))


def without_effects(loaded: LoadedFiles) -> LoadedFiles:
    """The same, with tools that do nothing in the place of those that would; MCP servers are left alone."""
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


async def _run(application: Application, rehearsal: DryRun, agent: str) -> RunResult:
    runs = application.runs
    request = StartRun(input=user(rehearsal.text), agent=agent, context=rehearsal.context)
    started = await runs.start(PRINCIPAL, request)
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

"""Builds an agent from its definition: compiles prompt, conditions and output schema, and connects the tools."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from journeyman.agent_files.node_types import NodeFunction, NodeTypes
from journeyman.agents.agent import BaseAgent
from journeyman.agents.conditions import Condition, compile_approval
from journeyman.agents.decision import NodeWork
from journeyman.agents.graph.agent import GraphAgent
from journeyman.agents.graph.compiled import CompiledNode, Graph
from journeyman.agents.output import OutputSchema
from journeyman.agents.policy_merge import strictest_spec
from journeyman.agents.prompt import MESSAGE_NAMES, PROMPT_NAMES, Prompt
from journeyman.agents.react import DirectAgent
from journeyman.agents.spec import AgentSpec, GraphSpec, ModelSettings, NodeSpec
from journeyman.agents.toolset import Arguments, Toolset
from journeyman.errors import ToolNotFoundError
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.tools.spec import LiveTools, ToolSpec

AgentClass = Callable[..., BaseAgent]
SCRIPT = "script:"


class CheckedTool(Protocol):
    """A registered tool: its spec, and the check of a call's arguments."""

    @property
    def spec(self) -> ToolSpec: ...

    @property
    def server(self) -> LiveTools | None: ...

    def check_arguments(self, raw: Arguments) -> dict[str, JSON]:
        """Return the arguments as an object that fits the tool. Raises ToolError."""
        ...

    def narrowed(self, spec: ToolSpec) -> CheckedTool:
        """Return the tool with the narrower arguments of an agent's spec."""
        ...


Tools = Mapping[str, CheckedTool]


def assemble(
    spec: AgentSpec,
    agent_class: Callable[..., BaseAgent],
    tools: Tools,
    folder: Path | None = None,
    nodes: NodeTypes | None = None,
) -> BaseAgent:
    """Build the agent of a definition. A call of a tool that no longer exists fails with `tool_not_found`.

    `script:FILE` is relative to `folder`; `nodes` finds the code of the graph's nodes.

    Raises ValidationError and PromptError if the definition does not compile (a loaded one does), and
    ConfigurationError if the code of a node cannot be loaded.
    """
    output = OutputSchema(spec.output.schema, unique_keys=spec.output.mode != "") if spec.output else None
    toolset = _toolset(spec.tools, tools)
    parts = (spec, toolset, _renderer(spec, None), output.check if output else None)
    if spec.graph is None or not (isinstance(agent_class, type) and issubclass(agent_class, GraphAgent)):
        agent = agent_class(*parts)
    else:
        functions = nodes.functions(spec.graph, folder) if nodes else {}
        agent = agent_class(*parts, graph=_graph(spec, spec.graph, toolset, folder, functions))
    agent.model = _model_name(spec.model, folder)
    return agent


def _model_name(model: ModelSettings, folder: Path | None) -> str:
    """Return the name that the model client knows: a script has its full path."""
    if folder is not None and model.name.startswith(SCRIPT):
        return f"{SCRIPT}{folder / model.name.removeprefix(SCRIPT)}"
    return model.name


def _renderer(spec: AgentSpec, text: str | None, names: Collection[str] = PROMPT_NAMES) -> Callable[[AgentState], str]:
    """Return a function that renders the prompt of a node, or for None that of the agent."""
    prompt = Prompt(spec.prompt, template=not spec.prompt_is_text) if text is None else Prompt(text, names=names)
    about: dict[str, JSON] = {
        "name": spec.name,
        "description": spec.description,
        "type": spec.type,
        "model": spec.model.name,
    }

    def render(state: AgentState) -> str:
        reply = state.last_reply if "reply" in names else None
        return prompt.render(
            agent=about,
            thread=state.thread_context,
            global_=state.global_context,
            now=state.started_at,
            reply=reply.text if reply else "",
        )

    return render


def _graph(
    spec: AgentSpec, graph: GraphSpec, tools: Toolset, folder: Path | None, functions: Mapping[str, NodeFunction]
) -> Graph:
    """Compile the graph: its nodes get their prompts, models, tools and code."""

    def compiled(node: NodeSpec) -> CompiledNode:
        settings = node.model or spec.model
        text = node.message if node.type == "approval" else node.prompt
        offered = (
            definition for definition in tools.definitions if node.tools is None or definition.name in node.tools
        )
        return CompiledNode(
            spec=node,
            settings=settings,
            model=_model_name(settings, folder),
            tools=tuple(offered),
            render=_renderer(spec, text, MESSAGE_NAMES if node.type == "approval" else PROMPT_NAMES),
            work=NodeWork(functions[node.name], node.config) if node.name in functions else None,
        )

    return Graph(graph, {node.name: compiled(node) for node in graph.nodes})


def direct_agent(name: str, listed: Sequence[ToolSpec], tools: Tools) -> DirectAgent:
    """Build the agent for a single tool call without an agent.

    `listed` are the specs of all agents that list the tool. The strictest of these and of the code's policy applies.
    """
    tool = tools.get(name)
    specs = (strictest_spec(listed, tool.spec),) if tool else ()
    checks = [tool.narrowed(spec) for spec in listed] if tool else []

    def check(_: str, arguments: Arguments) -> dict[str, JSON]:
        assert tool is not None
        for narrowed in checks:
            narrowed.check_arguments(arguments)
        return tool.check_arguments(arguments)

    spec = AgentSpec(type="direct", name="direct", model=ModelSettings(name=""))
    return DirectAgent(spec, Toolset(specs, check, _conditions(specs)), lambda state: "")


def _toolset(specs: Sequence[ToolSpec], tools: Tools) -> Toolset:
    known = {spec.name: tools[spec.name].narrowed(spec) for spec in specs if spec.name in tools}
    current = tuple(_with_current_code(spec, tools) for spec in specs if spec.name in known)

    def check(name: str, arguments: Arguments) -> dict[str, JSON]:
        tool = known.get(name)
        if tool is None:
            raise ToolNotFoundError(f"There is no tool {name!r}.")
        return tool.check_arguments(arguments)

    return Toolset(current, check, _conditions(current))


def _with_current_code(spec: ToolSpec, tools: Tools) -> ToolSpec:
    """Return the spec with the hash of the current code, which is the code that would run.

    The hash stays if the current one is not known, since the tool's server was not reached yet.
    """
    tool = tools[spec.name]
    if tool.server is not None and not tool.spec.code_hash:
        return spec
    return msgspec.structs.replace(spec, code_hash=tool.spec.code_hash)


def _conditions(specs: Sequence[ToolSpec]) -> dict[str, Condition]:
    conditions = ((spec.name, spec.policy.approval.condition) for spec in specs)
    return {name: compile_approval(condition) for name, condition in conditions if condition is not None}

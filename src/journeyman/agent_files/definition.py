"""Builds an agent's definition from a document: resolves type, model, tools, prompt and output.

Problems are collected, so that a user sees all of them at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from journeyman.agent_files.agent_nodes import AgentNode, agent_nodes
from journeyman.agent_files.agent_types import AgentClass, AgentTypes, UnknownAgentTypeError, UnknownTypeProblem
from journeyman.agent_files.document import Document, YamlPath
from journeyman.agent_files.file_model import AgentFile, ToolEntry
from journeyman.agent_files.function_nodes import FunctionNodes
from journeyman.agent_files.gateway_entries import GatewayUse, gateway_specs
from journeyman.agent_files.graph_entries import GraphEntries
from journeyman.agent_files.limit_entries import limits_of
from journeyman.agent_files.mcp_entries import (
    McpServerUse,
    server_problems,
    server_use,
    tool_count_problem,
    with_mcp_tools,
)
from journeyman.agent_files.model_entries import ModelEntries
from journeyman.agent_files.openapi_entries import OpenApiEntries
from journeyman.agent_files.safety import literal_credentials
from journeyman.agent_files.services_entries import service_specs
from journeyman.agent_files.tool_overrides import SchemaOverrideCheck, override_tool
from journeyman.agent_files.validation import MAX_PROBLEMS, validate_agent_file, without_secrets
from journeyman.agent_files.variables import Expansion, expand
from journeyman.agents.conditions import compile_approval
from journeyman.agents.output import OutputSchema
from journeyman.agents.prompt import MESSAGE_NAMES, PROMPT_NAMES, Prompt, PromptError
from journeyman.agents.prompt_clock import time_within_a_day
from journeyman.agents.spec import AgentSpec, GraphSpec, History, Output
from journeyman.egress.services import ServiceSpec
from journeyman.errors import ConfigurationError, Problem, ValidationError
from journeyman.events.quota import Quota
from journeyman.llm.gateway.gateway_spec import GatewaySpec
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.spec import ToolSpec


class ToolSource(Protocol):
    """A tool of the registry, as a definition needs it."""

    @property
    def spec(self) -> ToolSpec: ...


@dataclass(frozen=True, kw_only=True)
class LoadContext:
    """What agent files refer to: tools, agent types, the environment and settings."""

    tools: Mapping[str, ToolSource]  # by name
    lost_tools: Collection[str] = ()  # names of tools whose files have a problem of their own
    types: AgentTypes
    schema_overrides: SchemaOverrideCheck
    environment: Mapping[str, str] = field(default_factory=dict)
    default_model: str | None = None
    gateway_configured: bool = False
    openai_configured: bool = False  # OPENAI_BASE_URL and OPENAI_API_KEY are the gateway of models that are named
    offline: bool = False
    node_types: Collection[str] = ()  # registered node types of graphs


@dataclass(frozen=True, kw_only=True)
class LoadedAgent:
    """A loaded agent: its definition, and what is not stored with it."""

    spec: AgentSpec
    agent_class: AgentClass
    openapi: tuple[OpenApiTool, ...] = ()  # its tools from OpenAPI documents, to be registered
    mcp_servers: tuple[McpServerUse, ...] = ()  # not in `spec`, since they hold secrets
    secrets: frozenset[str] = frozenset()  # values from the environment, to be masked wherever people look
    references: frozenset[str] = frozenset()  # names of the variables that its file refers to
    file: Path | None = None
    services: tuple[ServiceSpec, ...] = ()  # not in `spec`, since they apply to the whole process
    gateways: tuple[GatewaySpec, ...] = ()  # the same, and they hold secrets
    gateway_uses: tuple[GatewayUse, ...] = ()  # gateways that it names, to be checked when all agents are loaded
    folder: Path | None = None  # what `script:FILE` is relative to
    agent_nodes: tuple[AgentNode, ...] = ()  # agents that its graph runs, to be checked when all are loaded


@dataclass(frozen=True, kw_only=True)
class LoadedAgents:
    """All agents of a path, and all problems, warnings included."""

    agents: tuple[LoadedAgent, ...]
    problems: tuple[Problem, ...]

    @property
    def specs(self) -> tuple[AgentSpec, ...]:
        return tuple(agent.spec for agent in self.agents)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def secrets(self) -> frozenset[str]:
        return frozenset().union(*(agent.secrets for agent in self.agents))

    def agent(self, name: str) -> LoadedAgent | None:
        """Return the agent of this name, or None."""
        return next((agent for agent in self.agents if agent.spec.name == name), None)


def define_agent(
    document: Document, context: LoadContext, *, default_name: str, file: Path | None = None
) -> tuple[LoadedAgent | None, list[Problem]]:
    """Build the agent that `document` describes. Returns it, or None after any error, and all problems."""
    expansion = expand(document, context.environment)
    agent_file, problems = validate_agent_file(expansion)
    problems = [*literal_credentials(document), *expansion.problems, *problems]
    agent = None
    if agent_file is not None:
        definition = _Definition(expansion, agent_file, context, file)
        agent = definition.build(default_name)
        problems += definition.problems
    problems = [without_secrets(problem, expansion.secrets) for problem in problems]
    failed = any(problem.severity == "error" for problem in problems)
    if len(problems) > MAX_PROBLEMS:
        more = Problem(f"and {len(problems) - MAX_PROBLEMS} more problems", document.file, remedy="solve these first")
        problems = [*problems[:MAX_PROBLEMS], more]
    return None if failed else agent, problems


class _Definition:
    """A builder of one definition. Each part reports its problems, and the next part is still checked."""

    def __init__(self, expansion: Expansion, agent_file: AgentFile, context: LoadContext, file: Path | None) -> None:
        self.problems: list[Problem] = []
        self._expansion = expansion
        self._document = expansion.document
        self._entries = agent_file
        self._context = context
        self._file = file
        self._folder = file.parent if file else None
        self._openapi = OpenApiEntries(self._expansion, self._folder)
        self._models = ModelEntries(
            expansion=expansion,
            report=self._report,
            folder=self._folder,
            default_model=context.default_model,
            gateway_configured=context.gateway_configured,
            openai_configured=context.openai_configured,
            offline=context.offline,
            problems=self.problems,
        )

    def build(self, default_name: str) -> LoadedAgent | None:
        """Return the agent, or None if its type cannot be used. Problems are in `problems`."""
        entries = self._entries
        agent_class = self._class()
        self._check_prompt()
        self._openapi.read(entries.openapi)
        self.problems += self._openapi.problems
        tools = self._tools()
        self._check_approvals(tools)
        output = self._output()
        services = service_specs(entries.services, self._report)
        spec = AgentSpec(
            type=entries.type,
            name=entries.name or self._default_name(default_name),
            model=self._models.settings(entries.model, ("model",)),
            description=entries.description,
            prompt=entries.prompt,
            tools=tools,
            limits=limits_of(entries.limits, self._report),
            quota=Quota(**entries.quota.model_dump()),
            history=History(**entries.history.model_dump()),
            output=output,
            graph=self._graph(tools),
            variables=self._expansion.variables,
        )
        servers = self._mcp_servers()
        if servers:
            spec, problems = with_mcp_tools(spec, servers, {}, self._context.schema_overrides)
            for problem in problems:
                self._report(("tools",), problem, "correct the tool's entry")
            self._check_approvals(spec.tools)
        if (crowded := tool_count_problem(spec)) is not None:
            self._report(("tools",), crowded, "give the agent fewer tools", "warning")
        if agent_class is None:
            return None
        return LoadedAgent(
            spec=spec,
            agent_class=agent_class,
            openapi=tuple(self._openapi.tools.values()),
            mcp_servers=servers,
            secrets=self._expansion.secrets,
            references=self._expansion.referenced(()),
            services=services,
            gateways=gateway_specs(entries.gateways, self._expansion, self._report),
            gateway_uses=tuple(self._models.gateway_uses),
            file=self._file,
            folder=self._folder,
            agent_nodes=agent_nodes(spec.graph, self._document) if spec.graph else (),
        )

    def _report(self, path: YamlPath, message: str, remedy: str | None = None, severity: str = "error") -> None:
        if not self._document.is_unusable(path):
            self.problems.append(self._document.problem(path, message, remedy, severity=severity))

    def _shown(self, path: YamlPath, value: str) -> str:
        """Return the text at `path` as it is in the file, with references and without their values."""
        return self._expansion.written.get(path, value)

    def _default_name(self, name: str) -> str:
        if not name or len(name) > 64 or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789_-"):
            self._report((), f"the file's name {name!r} cannot be an agent's", "add `name:` with a-z, 0-9, _ and -")
        return name

    def _class(self) -> AgentClass | None:
        name = self._entries.type
        if self._document.is_unusable(("type",)):
            return None
        try:
            return self._context.types.resolve(name, self._folder)
        except ConfigurationError as exc:
            message = exc.message.splitlines()[0].replace(name, self._shown(("type",), name))
            problem = self._document.problem(("type",), message)
            if isinstance(exc, UnknownAgentTypeError):
                problem = UnknownTypeProblem(problem.message, problem.file, problem.line, problem.column)
            self.problems += [problem, *exc.problems]
            return None

    def _check_prompt(self) -> None:
        problem = self._prompt_fault(("prompt",), self._entries.prompt)
        if problem is not None:
            self.problems.append(problem)

    def _prompt_fault(self, path: YamlPath, text: str) -> Problem | None:
        """Return the problem of the prompt at `path`, or None. The message of an approval node may use more names."""
        try:
            Prompt(text, names=MESSAGE_NAMES if path[-1] == "message" else PROMPT_NAMES)
        except PromptError as exc:
            return self._prompt_problem(path, exc)
        if (line := time_within_a_day(text)) is not None:
            self.problems.append(self._clock_problem(path, line))
        return None

    def _clock_problem(self, path: YamlPath, line: int) -> Problem:
        """Return the warning that the prompt at `path` changes during a day, with the line of the error as below."""
        message = "the prompt shows a time that changes within a day, so models cannot reuse their cache of a thread"
        found = self._prompt_problem(path, PromptError(message, line=line))
        return replace(found, remedy="write the date only, or set `history: {clock: true}`", severity="warning")

    def _prompt_problem(self, path: YamlPath, error: PromptError) -> Problem:
        """Return the problem. In a block text, which begins below its `|`, it has the line of the error."""
        problem = self._document.problem(path, error.message, "see the reference of agent.yaml, `prompt`")
        if error.line is None or problem.line is None or self._document.styles.get(path) != "|":
            return problem
        return Problem(problem.message, problem.file, problem.line + error.line, 1, problem.remedy)

    def _graph(self, tools: tuple[ToolSpec, ...]) -> GraphSpec | None:
        """Return the graph. Only a `custom_react_agent` needs one, and a `react_agent` cannot have one."""
        entry, kind = self._entries.graph, self._entries.type
        if kind == "react_agent" and entry is not None:
            message = "a react_agent takes no `graph`: its graph is llm <-> tools"
            remedy = "write `type: custom_react_agent`, or remove the graph"
            self.problems.append(self._document.problem(("graph",), message, remedy, key=True))
        if kind == "custom_react_agent" and entry is None and "graph" not in self._document.data:
            self._report(("type",), "a custom_react_agent needs a `graph`", "add it, or write `type: react_agent`")
        if entry is None:
            return None
        functions = FunctionNodes(self._folder)
        entries = GraphEntries(
            document=self._document,
            models=self._models,
            functions=functions,
            check_prompt=self._prompt_fault,
            tools=[tool.name for tool in tools],
            prefixes=tuple(f"{name}__" for name in self._entries.mcp_servers),
            node_types=self._context.node_types,
        )
        graph = entries.read(entry)
        self.problems += [*functions.problems, *entries.problems]
        return graph

    def _tools(self) -> tuple[ToolSpec, ...]:
        known = {**self._context.tools, **self._openapi.tools}
        found: dict[str, ToolSpec] = {}
        for index, entry in enumerate(self._entries.tools):
            path: YamlPath = ("tools", index)
            if self._document.is_unusable((*path, "name")):
                continue
            shown = self._shown((*path, "name"), self._shown(path, entry.name))
            if self._mcp_server_of(entry.name) is not None:
                continue
            if entry.name in found:
                self._report(path, f"the tool {shown} is listed twice", "remove one of the two")
            elif self._openapi.is_unusable(entry.name):
                continue  # its entry under `openapi` has a problem
            elif entry.name not in known and entry.name in self._context.lost_tools:
                continue  # its file has a problem
            elif entry.name not in known:
                close = difflib.get_close_matches(entry.name, known, n=3, cutoff=0.7)
                listed = ", ".join(sorted(known)[:20]) or "none"
                remedy = f"did you mean {', '.join(close)}?" if close else f"known tools: {listed}"
                self._report((*path, "name"), f"the tool {shown} is unknown", remedy)
            else:
                found[entry.name] = self._tool(known[entry.name].spec, entry, path)
        unlisted = {name: tool.spec for name, tool in self._openapi.tools.items() if name not in found}
        return (*found.values(), *unlisted.values())

    def _mcp_server_of(self, tool: str) -> str | None:
        """Return the MCP server that the tool belongs to by its name, one with problems included. None: no server."""
        data = self._document.data
        servers = data.get("mcp_servers") if isinstance(data, dict) else None
        name, separator, _ = tool.partition("__")
        return name if separator and isinstance(servers, dict) and name in servers else None

    def _mcp_servers(self) -> tuple[McpServerUse, ...]:
        servers = []
        for name, entry in self._entries.mcp_servers.items():
            path: YamlPath = ("mcp_servers", name)
            search_path = self._context.environment.get("PATH")
            for part, message, remedy in server_problems(name, entry, self._folder, search_path):
                self._report((*path, *part), message, remedy)
            taken = [tool for tool in self._context.tools.values() if tool.spec.name.startswith(f"{name}__")]
            for tool in taken:
                if not tool.spec.source.startswith("MCP server"):
                    message = f"the tool {tool.spec.name} is named like a tool of the MCP server {name}"
                    self._report(path, message, "rename one of the two")
            referenced = self._expansion.referenced(path)
            servers.append(server_use(name, entry, self._mcp_entries(name), self._folder, referenced))
        return tuple(servers)

    def _mcp_entries(self, server: str) -> dict[str, ToolEntry]:
        entries: dict[str, ToolEntry] = {}
        for index, entry in enumerate(self._entries.tools):
            if self._mcp_server_of(entry.name) != server:
                continue
            if entry.name in entries:
                self._report(("tools", index), f"the tool {entry.name} is listed twice", "remove one of the two")
            if entry.isolation is not None:
                message = f"`isolation` has no meaning here: {entry.name} runs in its MCP server"
                self._report(("tools", index, "isolation"), message, "remove it")
            entries[entry.name] = entry
        return entries

    def _tool(self, spec: ToolSpec, entry: ToolEntry, path: YamlPath) -> ToolSpec:
        if entry.name in self._openapi.tools and entry.isolation == "process":
            self._report((*path, "isolation"), f"{entry.name} is an API operation and has no process", "remove it")
        spec, problems = override_tool(spec, entry, self._context.schema_overrides)
        if spec.policy.isolation == "process":
            spec = spec.with_policy(sandbox=self._entries.sandbox)
        for problem in problems:
            self._report((*path, *problem.path), problem.message, problem.remedy, problem.severity)
        return spec

    def _check_approvals(self, tools: tuple[ToolSpec, ...]) -> None:
        for spec in tools:
            condition = spec.policy.approval.condition
            if condition is not None:
                try:
                    compile_approval(condition)
                except ValidationError as exc:
                    remedy = f"correct the approval of the tool {spec.name} in its code"
                    self._report(("tools",), exc.message, remedy)

    def _output(self) -> Output | None:
        entry = self._entries.output
        if entry is None:
            return None
        schema: dict[str, Any] = entry.json_schema
        try:
            OutputSchema(schema).refuse_if_costly()
        except ValidationError as exc:
            self._report(("output", "schema"), f"the schema of the output is {exc.message}", "correct it")
            return None
        return Output(schema=schema, retries=entry.retries, mode=entry.mode)

"""The `graph:` section of an agent file: builds a checked graph and reports all problems."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from journeyman.agent_files.document import Document, YamlPath
from journeyman.agent_files.file_model import EdgeEntry, GraphEntry, NodeEntry
from journeyman.agent_files.function_nodes import FunctionNodes
from journeyman.agent_files.model_entries import ModelEntries
from journeyman.agents.graph.condition_samples import never_evaluates
from journeyman.agents.graph.edge_conditions import compile_edge
from journeyman.agents.graph.flow_checks import END, flow_problems
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec
from journeyman.errors import Problem, ValidationError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FAILURE_KEYS = ("on_error", "on_unavailable")
_COMMON_KEYS = ("retry", "timeout_seconds", *_FAILURE_KEYS)
NODE_KEYS: Mapping[str, tuple[str, ...]] = {
    "llm": ("prompt", "model", "tools", *_COMMON_KEYS),
    "tools": (),
    "function": ("call", *_COMMON_KEYS),
    "agent": ("agent", "retry", *_FAILURE_KEYS),  # its time is limited by the `limits` of that agent
    "approval": ("message", "on_error"),
}
"""The keys of each node type, beside `type`."""
_REQUIRED = {"function": "call", "agent": "agent", "approval": "message"}
_REGISTERED_KEYS = ("config", *_COMMON_KEYS)


@dataclass(kw_only=True)
class GraphEntries:
    """A reader of `graph:` sections, which collects their problems."""

    document: Document
    models: ModelEntries
    functions: FunctionNodes
    check_prompt: Callable[[YamlPath, str], Problem | None]
    tools: Collection[str]  # of the agent
    prefixes: tuple[str, ...] = ()  # of the tools of its MCP servers, which are known only when they are connected
    node_types: Collection[str] = ()  # registered types
    problems: list[Problem] = field(default_factory=list)

    def read(self, entry: GraphEntry) -> GraphSpec | None:
        """Return the graph, or None if it has problems. Its flow is checked only if every name in it is known."""
        nodes = tuple(self._node(name, node, entry) for name, node in entry.nodes.items())
        self._check_target(("graph", "start"), entry.start, entry, "the graph")
        edges = tuple(self._edge(index, edge, entry) for index, edge in enumerate(entry.edges))
        graph = GraphSpec(start=entry.start, nodes=nodes, edges=edges)
        if self._failed or self._is_invalid():
            return None
        has_tools = bool(self.tools) or bool(self.prefixes)
        for problem in flow_problems(graph, agent_has_tools=has_tools):
            self._report(("graph", *problem.path), problem.message, problem.remedy, severity=problem.severity)
        return None if self._failed else graph

    @property
    def _failed(self) -> bool:
        return any(problem.severity == "error" for problem in (*self.problems, *self.functions.problems))

    def _is_invalid(self) -> bool:
        return any(path[:1] == ("graph",) for path in self.document.unusable)

    def _report(self, path: YamlPath, message: str, remedy: str | None, *, severity: str = "error") -> None:
        if not self.document.is_unusable(path):
            key = path[:2] == ("graph", "nodes") and len(path) == 3
            self.problems.append(self.document.problem(path, message, remedy, key=key, severity=severity))

    def _node(self, name: str, entry: NodeEntry, graph: GraphEntry) -> NodeSpec:
        path: YamlPath = ("graph", "nodes", name)
        if name == END:
            self._report(path, "the name `end` is reserved: it ends a branch", "give the node another name")
        elif not _NAME.fullmatch(name):
            remedy = "use a-z, 0-9 and _, at most 64, the first a letter"
            self._report(path, f"the node's name {name[:60]!r} cannot be used", remedy)
        self._check_keys(path, name, entry)
        for key in _FAILURE_KEYS:
            self._failure_target((*path, key), name, getattr(entry, key), graph)
        self._check_values(path, entry)
        return NodeSpec(
            name=name,
            type=entry.type,
            prompt=entry.prompt,
            model=self.models.settings(entry.model, (*path, "model")) if entry.model else None,
            tools=tuple(entry.tools) if entry.tools is not None else None,
            call=entry.call or "",
            code_hash=self.functions.code_hash(entry.call or entry.type),
            agent=entry.agent or "",
            message=entry.message or "",
            config=entry.config or {},
            retry=entry.retry or 0,
            timeout_seconds=entry.timeout_seconds,
            on_error=entry.on_error,
            on_unavailable=entry.on_unavailable,
        )

    def _check_keys(self, path: YamlPath, name: str, entry: NodeEntry) -> None:
        """Check that the type exists, takes these keys, and has the key that it needs."""
        registered = entry.type in self.node_types or ":" in entry.type
        allowed = _REGISTERED_KEYS if registered else NODE_KEYS.get(entry.type)
        if ":" in entry.type and (fault := self.functions.fault(entry.type)):
            self._report((*path, "type"), *fault)
        if allowed is None:
            known = [*NODE_KEYS, *self.node_types]
            close = difflib.get_close_matches(entry.type[:60], known, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"known types: {', '.join(known)}"
            self._report((*path, "type"), f"the type {entry.type[:60]} of the node {name} is unknown", remedy)
            return
        for key in sorted(entry.model_fields_set - {"type", *allowed}):
            remedy = f"remove it; it takes {', '.join(allowed)}" if allowed else "remove it; it takes `type` alone"
            self._report((*path, key), f"`{key}` has no meaning for a node of the type {entry.type}", remedy)
        needed = _REQUIRED.get(entry.type)
        if needed is not None and getattr(entry, needed) is None and not self.document.is_unusable((*path, needed)):
            self._report(path, f"the node {name} has no `{needed}`", f"add `{needed}: …`")

    def _failure_target(self, path: YamlPath, name: str, target: str | None, graph: GraphEntry) -> None:
        if target == name:
            self._report(path, f"the node {name} would go to itself", "write `retry: N` to try it again")
        elif target is not None:
            self._check_target(path, target, graph, f"the node {name}")

    def _check_values(self, path: YamlPath, entry: NodeEntry) -> None:
        for key, text in (("prompt", entry.prompt), ("message", entry.message)):
            if text is not None and (problem := self.check_prompt((*path, key), text)):
                self.problems.append(problem)
        if entry.call is not None and (fault := self.functions.fault(entry.call)):
            self._report((*path, "call"), *fault)
        for index, tool in enumerate(entry.tools or ()):
            if tool in (entry.tools or ())[:index]:
                self._report((*path, "tools", index), f"the tool {tool} is listed twice", "remove one of the two")
            elif tool not in self.tools and not tool.startswith(self.prefixes):
                listed = ", ".join(sorted(self.tools)[:20]) or "none"
                message = f"the agent does not list the tool {tool[:60]}"
                self._report((*path, "tools", index), message, f"add it to `tools` of the agent; it lists: {listed}")

    def _edge(self, index: int, entry: EdgeEntry, graph: GraphEntry) -> EdgeSpec:
        path: YamlPath = ("graph", "edges", index)
        if not any(wrong[:3] == path for wrong in self.document.unusable):
            self._check_edge(path, entry, graph)
        return EdgeSpec(origins=entry.origins, targets=entry.targets, when=entry.when)

    def _check_edge(self, path: YamlPath, entry: EdgeEntry, graph: GraphEntry) -> None:
        if END in entry.origins:
            self._report((*path, "from"), "no edge leaves `end`", "name the node that comes before")
        if END in entry.targets and len(entry.targets) > 1:
            self._report((*path, "to"), "`end` cannot be a branch of a fan-out", "remove it, or write `to: end`")
        for key, names in (("from", entry.origins), ("to", entry.targets)):
            for name in dict.fromkeys(names):
                if name != END:
                    self._check_target((*path, key), name, graph, "the edge")
                if names.count(name) > 1:
                    self._report((*path, key), f"the node {name} is named twice", "remove one of the two")
        self._check_condition(path, entry, graph)

    def _check_condition(self, path: YamlPath, entry: EdgeEntry, graph: GraphEntry) -> None:
        if entry.when is None:
            return
        if len(entry.origins) > 1:
            remedy = "join at a node, and write the conditions at the edges that leave it"
            self._report((*path, "when"), "a join has no condition", remedy)
        try:
            reason = never_evaluates(compile_edge(entry.when, graph.nodes))
        except ValidationError as exc:
            reason = exc.message
        if reason is not None:
            self._report((*path, "when"), reason, "see the reference of graphs, `conditions`")

    def _check_target(self, path: YamlPath, name: str, graph: GraphEntry, who: str) -> None:
        if name in graph.nodes:
            return
        if name == END:
            self._report(path, f"{who} names `end`, which is no node", "name a node")
            return
        close = difflib.get_close_matches(name[:60], graph.nodes, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"its nodes: {', '.join(graph.nodes)[:500]}"
        self._report(path, f"{who} names {name[:60]!r}, which is no node of the graph", remedy)

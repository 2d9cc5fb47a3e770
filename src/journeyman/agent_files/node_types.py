"""Finds the code of graph nodes: functions beside the agent file, and registered node types."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from journeyman.agent_files.agent_types import FileImporter
from journeyman.agent_files.safety import file_inside, file_permissions
from journeyman.agents.spec import GraphSpec, NodeSpec
from journeyman.errors import ConfigurationError, NodeCodeError, Problem
from journeyman.events.messages import JSON

ENTRY_POINT_GROUP = "journeyman.nodes"
BUILT_IN = ("llm", "tools", "function", "agent", "approval")

NodeFunction = Callable[[Any], Awaitable[JSON]]  # takes a NodeContext, and returns a patch of the thread's context

_registered: dict[str, NodeFunction] = {}  # global, since users call register_node_type before anything is built


def register_node_type(name: str, function: NodeFunction) -> None:
    """Register an `async def` as the code of nodes of the type `name`.

    The function takes a NodeContext, which has the node's `config`. Call this before the server is made; a package
    uses an entry point of the group `journeyman.nodes` instead.

    Raises ConfigurationError if the name is taken or the function is no `async def`.
    """
    if name in BUILT_IN or _registered.get(name, function) is not function:
        raise ConfigurationError(f"The node type {name!r} is registered already; choose another name.")
    _registered[name] = _checked(f"The node type {name!r}", function)


def installed_node_types() -> Iterable[EntryPoint]:
    """Return the node types of installed packages."""
    return entry_points(group=ENTRY_POINT_GROUP)


class NodeTypes:
    """The known node types. A file is imported once; its relative imports stay inside its folder."""

    def __init__(
        self, import_file: FileImporter, plugins: Callable[[], Iterable[EntryPoint]] = installed_node_types
    ) -> None:
        self._import_file = import_file
        self._plugins = plugins
        self._files: dict[Path, Any] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names of all registered types, those of plugins included."""
        return tuple(sorted({*_registered, *(point.name for point in self._plugins())}))

    def functions(self, graph: GraphSpec, folder: Path | None) -> dict[str, NodeFunction]:
        """Return the code of the nodes that have some, by node name. Raises NodeCodeError with all problems."""
        found: dict[str, NodeFunction] = {}
        problems: list[Problem] = []
        missing = ""
        for node in graph.nodes:
            try:
                function = self._function(node, folder)
            except ConfigurationError as exc:
                missing = missing or node.name
                problems += exc.problems or [Problem(exc.message)]
                continue
            if function is not None:
                found[node.name] = function
        if problems:
            raise NodeCodeError("The code of nodes cannot be used:", dict.fromkeys(problems), node=missing)
        return found

    def _function(self, node: NodeSpec, folder: Path | None) -> NodeFunction | None:
        if node.type == "function":
            return self._from_file(node.call, folder)
        if node.type in BUILT_IN:
            return None
        if ":" in node.type:
            return self._from_file(node.type, folder)
        if node.type in _registered:
            return _registered[node.type]
        for point in self._plugins():
            if point.name == node.type:
                return _loaded(point)
        raise ConfigurationError(f"the node type {node.type} is unknown: register it, or install its package")

    def _from_file(self, call: str, folder: Path | None) -> NodeFunction:
        if folder is None:
            raise ConfigurationError(f"{call} names a file, but there is no agent file beside which it stands")
        module, _, name = call.partition(":")
        try:
            path = file_inside(folder, module.replace(".", "/") + ".py")
        except ValueError as exc:
            raise ConfigurationError(str(exc)) from exc
        if unsafe := [problem for problem in file_permissions(path) if problem.severity == "error"]:
            raise ConfigurationError(f"{call} cannot be used", unsafe)
        if path not in self._files:
            self._files[path] = self._import_file(path, folder.resolve())
        imported = self._files[path]
        if isinstance(imported, Problem):
            raise ConfigurationError(f"{call} cannot be used", [imported])
        return _checked(call, getattr(imported, name, None))


def _checked(what: str, function: Any) -> NodeFunction:
    if not inspect.iscoroutinefunction(function):
        raise ConfigurationError(f"{what} is no `async def`: write `async def NAME(ctx)`")
    checked: NodeFunction = function
    return checked


def _loaded(point: EntryPoint) -> NodeFunction:
    try:
        return _checked(f"the plugin of the node type {point.name}", point.load())
    except (ImportError, AttributeError) as exc:
        raise ConfigurationError(f"the plugin of the node type {point.name} cannot be imported: {exc}") from exc

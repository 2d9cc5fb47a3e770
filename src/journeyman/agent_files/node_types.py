"""The code of nodes: functions beside the agent file, and types of node that somebody registered."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from journeyman.agent_files.agent_types import FileImporter
from journeyman.agent_files.safety import file_permissions, inside
from journeyman.agents.spec import GraphSpec, NodeSpec
from journeyman.errors import ConfigurationError, Problem
from journeyman.events.messages import JSON

ENTRY_POINT_GROUP = "journeyman.nodes"
BUILT_IN = ("llm", "tools", "function", "agent", "approval")

NodeFunction = Callable[[Any], Awaitable[JSON]]  # given a NodeContext, it returns a patch of the thread's context

_registered: dict[str, NodeFunction] = {}  # of this process: a public function fills it, before anything is built


def register_node_type(name: str, function: NodeFunction) -> None:
    """Let `type: name` in a graph mean this `async def`; it finds the node's `config` in its NodeContext.

    For code that runs before the server is made; a package says the same by an entry point of `journeyman.nodes`.
    Raises ConfigurationError when the name is taken or the function is no `async def`.
    """
    if name in BUILT_IN or _registered.get(name, function) is not function:
        raise ConfigurationError(f"The node type {name!r} is there already; choose another name.")
    _registered[name] = _checked(f"The node type {name!r}", function)


def installed_node_types() -> Iterable[EntryPoint]:
    """The node types of installed packages."""
    return entry_points(group=ENTRY_POINT_GROUP)


class NodeTypes:
    """Finds the code of a node. A file is imported once, with relative imports inside its folder."""

    def __init__(
        self, import_file: FileImporter, plugins: Callable[[], Iterable[EntryPoint]] = installed_node_types
    ) -> None:
        self._import_file = import_file
        self._plugins = plugins
        self._files: dict[Path, Any] = {}

    def names(self) -> tuple[str, ...]:
        """Every registered type, plugins included."""
        return tuple(sorted({*_registered, *(point.name for point in self._plugins())}))

    def functions(self, graph: GraphSpec, folder: Path | None) -> dict[str, NodeFunction]:
        """The code of each node that has some, by the node's name. Raises ConfigurationError with all problems."""
        found: dict[str, NodeFunction] = {}
        problems: list[Problem] = []
        for node in graph.nodes:
            try:
                function = self._function(node, folder)
            except ConfigurationError as exc:
                problems += exc.problems or [Problem(exc.message)]
                continue
            if function is not None:
                found[node.name] = function
        if problems:
            raise ConfigurationError("The code of nodes cannot be used:", dict.fromkeys(problems))
        return found

    def _function(self, node: NodeSpec, folder: Path | None) -> NodeFunction | None:
        if node.type == "function":
            return self._beside(node.call, folder)
        if node.type in BUILT_IN:
            return None
        if ":" in node.type:
            return self._beside(node.type, folder)
        if node.type in _registered:
            return _registered[node.type]
        for point in self._plugins():
            if point.name == node.type:
                return _loaded(point)
        raise ConfigurationError(f"the node type {node.type} is unknown: register it, or install its package")

    def _beside(self, call: str, folder: Path | None) -> NodeFunction:
        if folder is None:
            raise ConfigurationError(f"{call} names a file, but there is no agent file beside which it stands")
        module, _, name = call.partition(":")
        try:
            path = inside(folder, module.replace(".", "/") + ".py")
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

"""Finds the class of an agent type: built in, registered, in a file beside the agent file, or of a plugin."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from journeyman.agent_files.safety import file_inside, file_permissions
from journeyman.errors import ConfigurationError, Problem

ENTRY_POINT_GROUP = "journeyman.agents"

AgentClass = Callable[..., Any]  # called with an AgentSpec; the instance decides what a run does next
FileImporter = Callable[[Path, Path], ModuleType | Problem]  # a file, and the folder that its imports may reach

_FILE_TYPE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


class UnknownAgentTypeError(ConfigurationError, ValueError):
    """There is no agent type of this name. The message lists the known types."""

    default_code = "unknown_agent_type"


class UnknownTypeProblem(Problem):
    """The problem of an unknown type, for which `load_agent` raises UnknownAgentTypeError."""


def installed_types() -> Iterable[EntryPoint]:
    """Return the agent types of installed packages."""
    return entry_points(group=ENTRY_POINT_GROUP)


class AgentTypes:
    """The known agent types, by name."""

    def __init__(
        self,
        known: Mapping[str, AgentClass],
        *,
        import_file: FileImporter | None = None,
        plugins: Callable[[], Iterable[EntryPoint]] = installed_types,
    ) -> None:
        self._known = dict(known)
        self._import_file = import_file
        self._plugins = plugins

    def register(self, name: str, agent_class: AgentClass) -> None:
        """Add a type. Raises ConfigurationError if the name is taken or the class has no `decide`."""
        if name in self._known:
            raise ConfigurationError(f"The agent type {name!r} is registered already; choose another name.")
        if not _is_agent_class(agent_class):
            raise ConfigurationError(f"The agent type {name!r} needs a class with a method `decide`.")
        self._known[name] = agent_class

    def names(self) -> tuple[str, ...]:
        """Return the names of all known types, those of plugins included."""
        return tuple(sorted({*self._known, *(point.name for point in self._plugins())}))

    def resolve(self, name: str, folder: Path | None) -> AgentClass:
        """Return the class of the type `name`. For `module:Class`, the module is a file in `folder`.

        Raises UnknownAgentTypeError, or ConfigurationError if the type exists but cannot be used.
        """
        if name in self._known:
            return self._known[name]
        if ":" in name:
            return self._from_file(name, folder)
        for point in self._plugins():
            if point.name == name:
                return _checked(name, _loaded(point))
        raise UnknownAgentTypeError(self._unknown(name))

    def _unknown(self, name: str) -> str:
        names = self.names()
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        known = ", ".join([*names, "module:Class for a class in a file beside the agent file"])
        return f"the agent type {name} is unknown; {hint}known types: {known}"

    def _from_file(self, name: str, folder: Path | None) -> AgentClass:
        if folder is None or self._import_file is None:
            raise ConfigurationError(f"the type {name} names a file, which needs an agent file in the same folder")
        if not _FILE_TYPE.fullmatch(name):
            raise ConfigurationError(f"the type {name} is not of the form module:Class")
        module, _, class_name = name.partition(":")
        try:
            path = file_inside(folder, module.replace(".", "/") + ".py")
        except ValueError as exc:
            raise ConfigurationError(str(exc)) from exc
        unsafe = [problem for problem in file_permissions(path) if problem.severity == "error"]
        if unsafe:
            raise ConfigurationError(f"the type {name} cannot be used", unsafe)
        imported = self._import_file(path, folder.resolve())
        if isinstance(imported, Problem):
            raise ConfigurationError(f"the file of the type {name} cannot be used", [imported])
        found = getattr(imported, class_name, None)
        if found is None:
            raise ConfigurationError(f"{path.name} has no class {class_name}", [Problem("no such class", str(path))])
        return _checked(name, found)


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as exc:
        raise ConfigurationError(f"the plugin of the type {point.name} cannot be imported: {exc}") from exc


def _checked(name: str, found: Any) -> AgentClass:
    if not _is_agent_class(found):
        raise ConfigurationError(f"the type {name} is not a class with a method `decide`")
    checked: AgentClass = found
    return checked


def _is_agent_class(found: Any) -> bool:
    return isinstance(found, type) and callable(getattr(found, "decide", None))

"""Where a tool's code is, so that another process can import it. Worker processes load this: keep its imports few."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import msgspec

from journeyman.errors import Problem, ToolRegistrationError
from journeyman.tools.authoring.definition import declaration_of
from journeyman.tools.tool import BaseTool
from journeyman.user_code.importing import Package


class ImportTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's place: an attribute of a file in a tools folder, or of a module that can be imported by name."""

    attribute: str
    file: str = ""
    root: str = ""  # the tools folder
    module: str = ""
    code_hash: str = ""
    folder: str = ""  # fingerprint of the tools folder, if the tool was found in one


def target_of(thing: Any, code_hash: str = "") -> ImportTarget | None:
    """Return where `thing` can be imported from; None if no other process can import it (a nested function, say)."""
    if isinstance(thing, BaseTool):
        module_name, name = type(thing).__module__, _name_in_module(thing)
    else:
        module_name, name = thing.__module__, thing.__qualname__
    module = sys.modules.get(module_name)
    if module is None or not name or getattr(module, name, None) is not thing:
        return None
    file = getattr(module, "__file__", None) or ""
    return ImportTarget(
        attribute=name, module=module_name, file=file, root=str(Path(file).parent) if file else "", code_hash=code_hash
    )


def _name_in_module(thing: BaseTool) -> str:
    names = vars(sys.modules[type(thing).__module__])
    return next((name for name, value in names.items() if value is thing), "")


def resolve(target: ImportTarget, packages: dict[str, Package]) -> Any:
    """Import and return the `@tool` function or `BaseTool` instance at `target`.

    `packages` holds what was imported, by folder: two tools of one file share its module.

    Raises:
        ToolRegistrationError: the file cannot be imported, or has no such tool.
    """
    module = _import(target, packages)
    if isinstance(module, Problem):
        raise ToolRegistrationError(f"tool {target.attribute!r} cannot be imported: {module.message}")
    return attribute_of(module, target.attribute)


def _import(target: ImportTarget, packages: dict[str, Package]) -> Any:
    if target.module and target.module != "__main__":
        try:
            return importlib.import_module(target.module)
        except ModuleNotFoundError:
            if not target.file:
                raise
    if target.root not in packages:
        packages[target.root] = Package(Path(target.root))
    return packages[target.root].load(Path(target.file))


def attribute_of(module: Any, name: str) -> Any:
    """Return the tool `name` of a module; a `BaseTool` class is instantiated.

    Raises:
        ToolRegistrationError: the module has no such tool.
    """
    found = getattr(module, name, None)
    if inspect.isclass(found) and issubclass(found, BaseTool):
        found = found()
    if not isinstance(found, BaseTool) and declaration_of(found) is None:
        raise ToolRegistrationError(f"the module has no tool {name!r} any more: reload the server")
    return found

"""The discovery process, started by `discovery.discover`: it imports a folder's files and reports their tools."""

from __future__ import annotations

import difflib
import inspect
import os
import socket
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.errors import Problem, ToolError
from journeyman.tools.authoring.definition import ToolDeclaration, collected_faults, declaration_of
from journeyman.tools.process.protocol import ChildChannel, FileReport, ImportStarted, Ready, ReportedTool, Scan
from journeyman.tools.sandbox.kernel import die_with
from journeyman.tools.schema.describe import Described, describe
from journeyman.tools.tool import BaseTool
from journeyman.user_code.importing import Package


def main(fd: int, parent: int) -> None:
    """Answer one Scan with an ImportStarted and a FileReport for each file, in order."""
    die_with(parent)
    channel = ChildChannel(socket.socket(fileno=fd))
    channel.send(Ready())
    scan = channel.receive()
    if isinstance(scan, Scan):
        package = Package(Path(scan.root), scan.sources)
        reported: set[int] = set()
        for file in scan.files:
            channel.send(ImportStarted())
            channel.send(_report(package, Path(file), reported))
    os._exit(0)  # runs no atexit handlers and does not wait for threads that a file started


def _report(package: Package, file: Path, reported: set[int]) -> FileReport:
    """Import a file and describe its tools. `reported` holds the ids of the tools of earlier files."""
    with collected_faults() as faults:
        module = package.load(file)
    problems = [Problem(fault.message, file=str(file), line=fault.line) for fault in faults]
    if isinstance(module, Problem):
        return FileReport(problems=[*problems, module])
    tools: list[ReportedTool] = []
    for name, value in list(vars(module).items()):
        if id(value) in reported or not _defines(module, value):
            continue
        reported.add(id(value))
        line = _line(value)
        try:
            described = describe(value() if inspect.isclass(value) else value)
        except ToolError as exc:
            problems.append(Problem(exc.message, file=str(file), line=line))
        except BaseException as exc:  # noqa: BLE001 - __init__ and get_spec are the user's code
            text = f"{name} could not be made: {type(exc).__name__}: {exc}"[:500]
            problems.append(Problem(text, file=str(file), line=line))
        else:
            declared = described.says_isolation
            tools.append(ReportedTool(spec=described.spec, attribute=name, line=line, declares_isolation=declared))
            problems += [*_warnings(described, str(file), line), *_misnamed(value, str(file), line)]
    return FileReport(tools=[] if faults else tools, problems=sorted(problems, key=lambda each: each.line or 0))


def _defines(module: types.ModuleType, value: Any) -> bool:
    """Check that `value` is a tool which the module defines and does not just import."""
    kind = type(value)  # isinstance would ask the object for its __class__, and a proxy may raise anything then
    if issubclass(kind, type):
        return issubclass(value, BaseTool) and value.__module__ == module.__name__ and not _has_instance(module, value)
    if issubclass(kind, BaseTool):
        return True
    return kind is types.FunctionType and declaration_of(value) is not None and value.__module__ == module.__name__


def _has_instance(module: types.ModuleType, cls: type) -> bool:
    """Check whether the module holds an instance or a subclass of `cls`: then `cls` itself is not a tool."""
    others = [value for value in vars(module).values() if value is not cls]
    return any(issubclass(other if issubclass(type(other), type) else type(other), cls) for other in others)


def _line(value: Any) -> int | None:
    """Return the line where a tool is defined; None if its source cannot be read."""
    target = value if inspect.isclass(value) or inspect.isfunction(value) else type(value)
    try:
        return inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return None


def _misnamed(value: Any, file: str, line: int | None) -> Iterator[Problem]:
    """Yield a warning for each attribute of a tool's class that is nearly named like one of its policy."""
    cls = value if inspect.isclass(value) else type(value)
    known = ToolDeclaration.__struct_fields__
    for name in vars(cls) if issubclass(cls, BaseTool) else ():
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if close and name not in known and not callable(getattr(cls, name)):
            text = f"the attribute {name!r} of {cls.__name__} declares nothing"
            yield Problem(text, file=file, line=line, remedy=f"did you mean {close[0]}?", severity="warning")


def _warnings(described: Described, file: str, line: int | None) -> list[Problem]:
    if described.spec.description:
        return []
    text = f"tool {described.spec.name!r} has no description: the model sees only its name"
    return [Problem(text, file=file, line=line, remedy="write a docstring", severity="warning")]

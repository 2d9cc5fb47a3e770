"""The discovery process: imports the files of a folder and tells what tools they define. Started by `discovery`."""

from __future__ import annotations

import inspect
import os
import socket
import types
from pathlib import Path
from typing import Any

from journeyman.errors import Problem, ToolError
from journeyman.tools.authoring.definition import declaration_of
from journeyman.tools.process.protocol import Begin, ChildChannel, Ready, Report, Scan, ToolSeen, Trouble
from journeyman.tools.sandbox.kernel import die_with
from journeyman.tools.schema.describe import Described, describe
from journeyman.tools.tool import BaseTool
from journeyman.user_code.importing import Package


def main(fd: int, parent: int) -> None:
    """Answer one Scan: Begin and Report for each file, in order."""
    die_with(parent)
    channel = ChildChannel(socket.socket(fileno=fd))
    channel.send(Ready())
    scan = channel.receive()
    if isinstance(scan, Scan):
        package = Package(Path(scan.root), scan.sources)
        seen: set[int] = set()
        for file in scan.files:
            channel.send(Begin())
            channel.send(_report(package, Path(file), seen))
    os._exit(0)  # no atexit and no waiting for threads that a file started


def _report(package: Package, file: Path, seen: set[int]) -> Report:
    module = package.load(file)
    if isinstance(module, Problem):
        return Report(troubles=[_trouble(module)])
    tools: list[ToolSeen] = []
    troubles: list[Trouble] = []
    for name, value in list(vars(module).items()):
        if id(value) in seen or not _defines(module, value):
            continue
        seen.add(id(value))
        line = _line(value)
        try:
            described = describe(value() if inspect.isclass(value) else value)
        except ToolError as exc:
            troubles.append(Trouble(message=exc.message, file=str(file), line=line))
        except BaseException as exc:  # noqa: BLE001 - __init__ and get_spec are the user's code
            text = f"{name} could not be made: {type(exc).__name__}: {exc}"[:500]
            troubles.append(Trouble(message=text, file=str(file), line=line))
        else:
            says = described.says_isolation
            tools.append(ToolSeen(spec=described.spec, attribute=name, line=line, says_isolation=says))
            troubles += _remarks(described, str(file), line)
    return Report(tools=tools, troubles=troubles)


def _defines(module: types.ModuleType, value: Any) -> bool:
    """Whether the module itself defines this tool, rather than importing it."""
    kind = type(value)  # and not isinstance: a proxy in the module may raise whatever it likes when asked
    if issubclass(kind, type):
        return issubclass(value, BaseTool) and value.__module__ == module.__name__ and not _has_instance(module, value)
    if issubclass(kind, BaseTool):
        return True
    return kind is types.FunctionType and declaration_of(value) is not None and value.__module__ == module.__name__


def _has_instance(module: types.ModuleType, cls: type) -> bool:
    """A class of which the module holds an instance, or a subclass, is not made again."""
    others = [value for value in vars(module).values() if value is not cls]
    return any(issubclass(other if issubclass(type(other), type) else type(other), cls) for other in others)


def _line(value: Any) -> int | None:
    target = value if inspect.isclass(value) or inspect.isfunction(value) else type(value)
    try:
        return inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return None


def _remarks(described: Described, file: str, line: int | None) -> list[Trouble]:
    if described.spec.description:
        return []
    text = f"tool {described.spec.name!r} has no description: the model sees only its name"
    return [Trouble(message=text, file=file, line=line, remedy="write a docstring", severity="warning")]


def _trouble(problem: Problem) -> Trouble:
    return Trouble(
        message=problem.message,
        file=problem.file,
        line=problem.line,
        column=problem.column,
        remedy=problem.remedy,
        severity=problem.severity,
    )

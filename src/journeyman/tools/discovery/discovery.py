"""Finds the tools of a folder by a child process that imports its files; the server process imports none of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from journeyman.errors import Problem
from journeyman.tools.discovery.code_hash import FolderImports
from journeyman.tools.process.child import Child, ChildGoneError
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.process.protocol import FileReport, ImportStarted, Ready, Scan
from journeyman.tools.spec import ToolSpec
from journeyman.user_code.importing import MAX_BYTES, list_python_files
from journeyman.user_code.local_modules import read_tool_sources
from journeyman.user_code.sources import FolderSources

_NAME_OF_TOOL = re.compile(r"""\bdef\s+(\w+)|\bname\s*=\s*["']([\w-]+)["']""")
FILE_SECONDS = 5.0  # to import one file
FOLDER_SECONDS = 10.0  # to import all of them


class DiscoveredTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that a file defines."""

    spec: ToolSpec
    target: ImportTarget
    line: int | None = None
    declares_isolation: bool = True  # the code does, by `isolation` or by being a plain `def`

    @property
    def inline(self) -> bool:
        """Whether the tool runs on the event loop, so that the server has to import its file."""
        return self.spec.policy.isolation == "inline"


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """The tools of a folder, whose names are unique, and a problem for everything that cannot be used."""

    tools: tuple[DiscoveredTool, ...] = ()
    problems: tuple[Problem, ...] = ()
    sources: FolderSources | None = None  # the folder's files as they were imported
    lost: frozenset[str] = frozenset()  # names that files with an error may have given to tools


async def discover(
    path: Path,
    *,
    file_seconds: float = FILE_SECONDS,
    folder_seconds: float = FOLDER_SECONDS,
    environment: Mapping[str, str] = os.environ,
) -> Discovery:
    """Find the tools under `path` (a folder, or one file), whose files see `environment` when they are imported.

    The files are imported one after the other in one child process. A file that takes too long or ends the process
    becomes a problem, and a new process imports the files after it.
    """
    read = await asyncio.to_thread(read_tool_sources, path)  # before the import, so that a later change is not missed
    listing, root = list_python_files(path), folder_of(path)
    search = _Search(root, list(listing.files), file_seconds, read.sources, environment)
    try:
        async with asyncio.timeout(folder_seconds):
            while search.remaining:
                await search.scan()
    except TimeoutError:
        search.reject_remaining(folder_seconds)
    problems = tuple(
        dict.fromkeys((*listing.problems, *read.problems, *search.problems))
    )  # a file fails for those that import it too
    broken = {problem.file for problem in problems if problem.file and problem.severity == "error"}
    lost = await asyncio.to_thread(names_of_tools, broken)
    return Discovery(tools=tuple(search.tools), problems=problems, sources=read.sources, lost=lost)


def names_of_tools(files: Iterable[str]) -> frozenset[str]:
    """Return the names that the text of these Python files, or of those in folders, may give to tools.

    It need not be valid Python.
    """
    found: set[str] = set()
    given = [Path(file) for file in files]
    inside = (file for folder in given if folder.is_dir() for file in folder.glob("*.py"))  # of a refused folder
    for file in filter(Path.is_file, (*given, *inside)):  # a pipe would never end
        with contextlib.suppress(OSError), file.open(encoding="utf-8", errors="replace") as stream:
            found.update(filter(None, itertools.chain(*_NAME_OF_TOOL.findall(stream.read(MAX_BYTES)))))
    return frozenset(found)


def folder_of(path: Path) -> Path:
    """Return the tools folder that `path` means: the folder itself, or the one that holds the file."""
    return path if path.is_dir() else path.parent


class _Search:
    """One search of a folder: the files that remain to be imported, the tools and the problems found so far."""

    def __init__(
        self,
        root: Path,
        files: list[Path],
        file_seconds: float,
        sources: FolderSources,
        environment: Mapping[str, str],
    ) -> None:
        self._sources = sources
        self._environment = environment
        self._imports = FolderImports(sources.files)
        self._root = root
        self._file_seconds = file_seconds
        self._files_of_names: dict[str, Path] = {}
        self.remaining = files
        self.tools: list[DiscoveredTool] = []
        self.problems: list[Problem] = []

    async def scan(self) -> None:
        """Import the remaining files in a new process. Returns early, with that file rejected, if a file ends it."""
        child = await Child.spawn("journeyman.tools.discovery.child_main", self._environment)
        try:
            names, sources = [str(file) for file in self.remaining], dict(self._sources.files)
            await child.send(Scan(root=str(self._root), files=names, sources=sources))
            while self.remaining:
                await self._next_report(child)
        except ChildGoneError:
            status = await child.wait_for_exit()
            self._reject(f"ended the process when imported (exit status {status})", "import must have no side effects")
        except _FileTimeoutError:
            self._reject(f"takes longer than {self._file_seconds:g} seconds to import", "do slow work in the tool")
        finally:
            child.kill()
            await child.reap()

    async def _next_report(self, child: Child) -> None:
        match await child.receive():
            case ImportStarted():
                try:
                    async with asyncio.timeout(self._file_seconds):
                        report = await child.receive()
                except TimeoutError as exc:
                    raise _FileTimeoutError from exc
                if not isinstance(report, FileReport):
                    raise ChildGoneError
                self._add(self.remaining.pop(0), report)
            case Ready():
                pass
            case _:
                raise ChildGoneError

    def _add(self, file: Path, report: FileReport) -> None:
        self.problems += report.problems
        for tool in report.tools:
            spec = msgspec.structs.replace(
                tool.spec, source=self._source(file, tool.line), code_hash=self._code_hash(file) or tool.spec.code_hash
            )
            other = self._files_of_names.setdefault(spec.name, file)
            if any(earlier.spec.name == spec.name for earlier in self.tools):
                text = f"tool {spec.name!r} is defined in {other.name} already"
                self.problems.append(Problem(text, file=str(file), line=tool.line, remedy="rename one"))
                continue
            target = ImportTarget(
                attribute=tool.attribute,
                file=str(file),
                root=str(self._root),
                code_hash=spec.code_hash,
                folder=self._sources.fingerprint,
            )
            self.tools.append(
                DiscoveredTool(spec=spec, target=target, line=tool.line, declares_isolation=tool.declares_isolation)
            )

    def _code_hash(self, file: Path) -> str | None:
        return self._imports.code_hash(file.relative_to(self._root).as_posix())

    def _source(self, file: Path, line: int | None) -> str:
        name = file.relative_to(self._root).as_posix()
        return name if line is None else f"{name}:{line}"

    def _reject(self, message: str, remedy: str) -> None:
        """Report the file whose turn it is as a problem, and go on to the next one."""
        if self.remaining:
            self.problems.append(Problem(message, file=str(self.remaining.pop(0)), remedy=remedy))

    def reject_remaining(self, seconds: float) -> None:
        """Report each file that was not imported in time as a problem."""
        while self.remaining:
            self._reject(f"not imported: the folder takes longer than {seconds:g} seconds", "do slow work in the tool")


class _FileTimeoutError(Exception):
    """The import of a file took too long."""
